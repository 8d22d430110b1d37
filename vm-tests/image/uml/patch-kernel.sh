#!/bin/bash
# patch-kernel.sh DIR: Linux source for a User-Mode Linux whose disks are served by vhost-user.
set -euo pipefail
cd "$1"
# A page that a program has never written to may be the kernel's zero page, and direct I/O hands it to the disk. Since 7.1 that page
# lies in the kernel's own image, which virtio_uml does not show to the disk's server: the server gives up on the first such write.
# In the file that backs the guest's memory the page is zeros, too; so that one page is shown as a region of its own.
file=arch/um/drivers/virtio_uml.c
perl -0pi -e '
  s/(\.header\.size = offsetof\(typeof\(msg\.payload\.mem_regions\), regions\[)1(\]\),\s*\.payload\.mem_regions\.num = )1,/${1}1${2}1,/;
  s/(\tif \(rc < 0\)\n\t\treturn rc;\n\n)(\treturn vhost_user_send\(vu_dev, false, &msg, fds,\n\t\t\t       msg\.payload\.mem_regions\.num\);)/$1\tif (page_to_phys(ZERO_PAGE(0)) < reserved) {\n\t\trc = vhost_user_init_mem_region(page_to_phys(ZERO_PAGE(0)), PAGE_SIZE,\n\t\t\t\t\t\t&fds[1], &msg.payload.mem_regions.regions[1]);\n\t\tif (rc < 0)\n\t\t\treturn rc;\n\t\tmsg.payload.mem_regions.num = 2;\n\t\tmsg.header.size = offsetof(typeof(msg.payload.mem_regions), regions[2]);\n\t}\n\n$2/' $file
grep -q 'ZERO_PAGE(0)) < reserved' $file
