//! Where the commands and paths of a playbook stand, and so which names have a value there.

use crate::playbook::check::Check;
use crate::playbook::check::commands::Commands;
use crate::playbook::model::{Ahead, Occasion};
use crate::playbook::names::TemplatePlace;
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    /// Each of them once; a variable that none of them uses is told.
    pub(in crate::playbook) fn commands(&mut self) {
        let it = self.playbook;
        let mut commands = Commands::new(it, self.report);
        let service = Path::of(&["service"]);
        for (field, command) in
            [("stop", &it.service.stop), ("start", &it.service.start), ("ready", &it.service.ready)]
        {
            commands.optional(&service.key(field), command.as_ref(), TemplatePlace::Service);
        }
        if let Some(own) = &it.service.maintenance {
            let at = service.key("maintenance");
            commands.command(&at.key("start"), &own.start, TemplatePlace::Service);
            commands.command(&at.key("stop"), &own.stop, TemplatePlace::Service);
            commands.optional(&at.key("ready"), own.ready.as_ref(), TemplatePlace::Service);
        }
        commands.command(
            &Path::of(&["version", "command"]),
            &it.version.command,
            TemplatePlace::Version,
        );
        for (name, discovery) in &it.discover {
            commands.command(
                &Path::of(&["discover", name, "command"]),
                &discovery.command,
                TemplatePlace::Check,
            );
        }
        for (i, requirement) in it.requirements.iter().enumerate() {
            commands.command(
                &Path::of(&["requirement"]).at(i).key("command"),
                &requirement.command,
                if requirement.before.contains(&Occasion::Upgrade) {
                    TemplatePlace::Check
                } else {
                    TemplatePlace::CheckBack
                },
            );
        }
        if let Some(detect) = &it.detect {
            commands.detect(detect);
        }
        for (i, fix) in it.fixes.iter().enumerate() {
            commands.fix(i, fix);
        }
        commands.optional(
            &Path::of(&["installer", "save"]),
            it.installer.save.as_ref(),
            TemplatePlace::Installer,
        );
        commands.command(
            &Path::of(&["upgrade", "command"]),
            &it.upgrade.command,
            TemplatePlace::Upgrade,
        );
        commands.optional(
            &Path::of(&["upgrade", "repair"]),
            it.upgrade.repair.as_ref(),
            TemplatePlace::Upgrade,
        );
        commands.optional(
            &Path::of(&["upgrade", "candidate"]),
            it.upgrade.candidate.as_ref(),
            TemplatePlace::Check,
        );
        commands.command(
            &Path::of(&["downgrade", "install"]),
            &it.downgrade.install,
            TemplatePlace::Downgrade,
        );
        commands.optional(
            &Path::of(&["downgrade", "uninstall"]),
            it.downgrade.uninstall.as_ref(),
            TemplatePlace::Downgrade,
        );
        commands.optional(
            &Path::of(&["downgrade", "repair"]),
            it.downgrade.repair.as_ref(),
            TemplatePlace::Downgrade,
        );
        let passes = Path::of(&["capture", "pass"]);
        for (i, pass) in it.passes().iter().enumerate() {
            commands.optional(
                &passes.at(i).key("command"),
                pass.command.as_ref(),
                TemplatePlace::Pass,
            );
            commands.paths(&passes.at(i).key("new_files"), &pass.new_files, TemplatePlace::Host);
            commands.paths(
                &passes.at(i).key("grown_files"),
                &pass.grown_files,
                TemplatePlace::Host,
            );
            commands.paths(
                &passes.at(i).key("numbered_files"),
                &pass.numbered_files,
                TemplatePlace::Host,
            );
            commands.paths(
                &passes.at(i).key("unchanged_files"),
                &pass.unchanged_files,
                TemplatePlace::Host,
            );
        }
        if let Some(capture) = &it.capture {
            commands.command(
                &Path::of(&["capture", "verify"]),
                &capture.verify,
                TemplatePlace::Verify,
            );
        }
        if let Some(restore) = &it.restore {
            commands.command(
                &Path::of(&["restore", "command"]),
                &restore.command,
                TemplatePlace::Restore,
            );
            commands.optional(
                &Path::of(&["restore", "past_rejects"]),
                restore.past_rejects.as_ref(),
                TemplatePlace::PastRejects,
            );
            commands.optional(
                &Path::of(&["restore", "position"]),
                restore.position.as_ref(),
                TemplatePlace::Position,
            );
            commands.optional(
                &Path::of(&["restore", "position_from_files"]),
                restore.position_from_files.as_ref(),
                TemplatePlace::Verify,
            );
        }
        if let Some(whole) = &it.whole {
            let at = Path::of(&["whole"]);
            commands.command(&at.key("notice"), &whole.notice, TemplatePlace::Notice);
            commands.command(&at.key("write"), &whole.write, TemplatePlace::Item);
            commands.command(&at.key("load"), &whole.load, TemplatePlace::Item);
            commands.optional(
                &at.key("differing"),
                whole.differing.as_ref(),
                TemplatePlace::Differing,
            );
        }
        if let Some(aside) = &it.aside {
            let at = Path::of(&["aside"]);
            commands.optional(&at.key("files"), aside.files.as_ref(), TemplatePlace::Aside);
            if let Some(serve) = &aside.serve {
                let at = at.key("serve");
                commands.command(&at.key("previous"), &serve.previous, TemplatePlace::Aside);
                commands.command(&at.key("upgraded"), &serve.upgraded, TemplatePlace::Aside);
            }
            commands.paths(&at.key("also"), &aside.also, TemplatePlace::Host);
        }
        if let Some(standby) = &it.standby {
            commands.standby(standby);
        }
        for (field, address) in [
            (service.key("address"), it.service.address.as_ref()),
            (
                service.key("maintenance").key("address"),
                it.service.maintenance.as_ref().and_then(|it| it.address.as_ref()),
            ),
        ] {
            if let Some(address) = address {
                commands.value(&field, address);
            }
        }
        for (key, known) in it.response_file.iter().flat_map(|file| &file.keys) {
            commands
                .value(&Path::of(&["response_file", "keys", key]).key("default"), &known.default);
        }
        if let Some(beside) = &it.side_by_side {
            let at = Path::of(&["side_by_side"]);
            commands.paths(
                &at.key("link"),
                std::slice::from_ref(&beside.link),
                TemplatePlace::Host,
            );
            commands.paths(&at.key("new"), std::slice::from_ref(&beside.new), TemplatePlace::Host);
            for (field, install) in
                [("install", Some(&beside.install)), ("upgrade", beside.upgrade.as_ref())]
            {
                let Some(install) = install else { continue };
                commands.command(
                    &at.key(field).key("command"),
                    &install.command,
                    TemplatePlace::Upgrade,
                );
                commands.optional(
                    &at.key(field).key("repair"),
                    install.repair.as_ref(),
                    TemplatePlace::Upgrade,
                );
            }
            commands.command(&at.key("version"), &beside.version, TemplatePlace::Version);
            commands.optional(
                &at.key("use_config"),
                beside.use_config.as_ref(),
                TemplatePlace::Upgrade,
            );
        }
        if let Some(full) = &it.full {
            let at = Path::of(&["full"]);
            commands.paths(&at.key("paths"), &full.paths, TemplatePlace::Host);
            commands.command(&at.key("capture"), &full.capture, TemplatePlace::Pass);
            commands.command(&at.key("verify"), &full.verify, TemplatePlace::Verify);
            commands.command(&at.key("restore"), &full.restore, TemplatePlace::Restore);
        }
        if let Some(cluster) = &it.cluster {
            let at = Path::of(&["cluster"]);
            commands.optional(&at.key("here"), cluster.here.as_ref(), TemplatePlace::Cluster);
            commands.optional(
                &at.key("before_enable"),
                cluster.before_enable.as_ref(),
                TemplatePlace::Cluster,
            );
            if let Some(agent) = &cluster.agent {
                let at = at.key("agent");
                commands.command(&at.key("version"), &agent.version, TemplatePlace::Cluster);
                commands.optional(&at.key("ready"), agent.ready.as_ref(), TemplatePlace::Cluster);
                commands.command(&at.key("upgrade"), &agent.upgrade, TemplatePlace::Upgrade);
            }
            commands.command(&at.key("write_mark"), &cluster.write_mark, TemplatePlace::WriteMark);
            for (field, command) in [
                ("disable", &cluster.disable),
                ("disabled", &cluster.disabled),
                ("enable", &cluster.enable),
                ("enabled", &cluster.enabled),
                ("read_mark", &cluster.read_mark),
            ] {
                commands.command(&at.key(field), command, TemplatePlace::Cluster);
            }
        }
        if let Some(coexistent) = &it.coexistent {
            commands.coexistent(coexistent);
        }
        for (i, inventory) in it.inventories.iter().enumerate() {
            commands.command(
                &Path::of(&["inventory"]).at(i).key("command"),
                &inventory.command,
                TemplatePlace::Inventory,
            );
            if let Some(touched) = &inventory.touched {
                let at = Path::of(&["inventory"]).at(i).key("touched");
                commands.command(&at.key("find"), &touched.find, TemplatePlace::FindTouched);
                commands.command(&at.key("command"), &touched.command, TemplatePlace::ListTouched);
                commands.optional(&at.key("fed"), touched.fed.as_ref(), TemplatePlace::FindFed);
                let mut both_ways = Vec::new();
                both_ways.extend(touched.fed.as_ref().map(|fed| (at.key("fed"), fed)));
                if let Some(Ahead { mark, since }) = &touched.ahead {
                    let at = at.key("ahead");
                    commands.command(&at.key("mark"), mark, TemplatePlace::FindFed);
                    commands.command(&at.key("since"), since, TemplatePlace::FindSince);
                    both_ways.extend([(at.key("mark"), mark), (at.key("since"), since)]);
                }
                let back = it.standby.as_ref().is_some_and(|it| it.back.is_some());
                for (at, command) in both_ways.iter().filter(|_| back) {
                    commands.both_ways(at, command);
                }
            }
        }
        commands.paths(&Path::of(&["data", "paths"]), &it.data.paths, TemplatePlace::Host);
        commands.paths(&Path::of(&["data", "config"]), &it.data.config, TemplatePlace::Host);
        commands.paths(&Path::of(&["data", "outside"]), &it.data.outside, TemplatePlace::Host);
        commands.paths(&Path::of(&["data", "logs"]), &it.data.logs, TemplatePlace::Host);
        commands.paths(
            &Path::of(&["data", "link_files"]),
            &it.data.link_files,
            TemplatePlace::Host,
        );
        commands.paths(
            &Path::of(&["installer", "files"]),
            &it.installer.files,
            TemplatePlace::Host,
        );
        commands.texts(&service.key("units"), &it.service.units, TemplatePlace::Host);
        commands.texts(
            &service.key("units_upgraded"),
            &it.service.units_upgraded,
            TemplatePlace::Host,
        );
        commands.unused();
    }
}
