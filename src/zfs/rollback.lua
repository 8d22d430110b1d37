-- Rolls datasets of one pool back in one transaction group, and marks them. `program.lua` stands
-- before it.
--
-- Arguments: "check" or "do", the property, its value; then any number of triples
--   "T", snapshot, guid    a snapshot to go back to; the triples up to the next "T" belong to it
--   "N", snapshot, guid    a newer snapshot of the same dataset, which may be destroyed; newest first
--   "B", bookmark, ""      a bookmark that may exist
-- Returns "ready", "done", or what is wrong.

local mode, property, mark = argv[1], argv[2], argv[3]
local targets = {}

for i = 4, #argv, 3 do
    local kind, name, guid = argv[i], argv[i + 1], argv[i + 2]
    if kind == "T" then
        local at = string.find(name, "@", 1, true)
        targets[#targets + 1] = {dataset = string.sub(name, 1, at - 1), snapshot = name, guid = guid, newer = {}, order = {}, bookmarks = {}, doomed = {}}
    elseif kind == "N" then
        local t = targets[#targets]
        t.newer[name] = guid
        t.order[#t.order + 1] = name
    else
        targets[#targets].bookmarks[name] = true
    end
end

local function check(t)
    if not zfs.exists(t.dataset) then
        say("missing", t.dataset, "")
        return
    end
    if not zfs.exists(t.snapshot) then
        say("missing", t.snapshot, "")
        return
    end
    local guid = tostring(prop(t.snapshot, "guid"))
    if guid ~= t.guid then
        say("replaced", t.snapshot, guid)
        return
    end
    local txg = prop(t.snapshot, "createtxg")
    -- Ask little: each question opens the snapshot again, and nothing else is written to the pool
    -- meanwhile.
    for snapshot in zfs.list.snapshots(t.dataset) do
        local wanted = t.newer[snapshot]
        if wanted == nil then
            if snapshot ~= t.snapshot and prop(snapshot, "createtxg") > txg then
                say("newer", snapshot, "")
            end
        else
            local found = tostring(prop(snapshot, "guid"))
            if wanted ~= found then
                say("replaced", snapshot, found)
            elseif free(snapshot) then
                t.doomed[snapshot] = true
            end
        end
    end
    -- A bookmark newer than the target prevents a rollback. A program cannot tell its age, so the
    -- caller names the bookmarks that may exist.
    if zfs.list.bookmarks ~= nil then
        for bookmark in zfs.list.bookmarks(t.dataset) do
            if not t.bookmarks[bookmark] then
                say("newer", bookmark, "")
            end
        end
    end
    if prop(t.dataset, "type") == "filesystem" then
        local quota = prop(t.dataset, "refquota")
        if quota ~= nil and quota ~= 0 and prop(t.snapshot, "referenced") > quota then
            say("rollback", t.dataset, EDQUOT)
        end
    end
    -- This checks a rollback to the newest snapshot, which need not be the target. It finds out
    -- whether the dataset is mounted or open.
    local errno = zfs.check.rollback(t.dataset)
    if errno ~= 0 and not (errno == EEXIST and mode == "check") then
        say("rollback", t.dataset, errno)
    end
end

for _, t in ipairs(targets) do
    check(t)
end
if #answer > 0 then
    return table.concat(answer, "\n")
end
if mode == "check" then
    return "ready"
end

-- First all newer snapshots: as long as one of them exists, no data was rolled back anywhere.
for _, t in ipairs(targets) do
    for _, snapshot in ipairs(t.order) do
        -- One that does not exist any more needs nothing.
        local errno = t.doomed[snapshot] and zfs.sync.destroy(snapshot) or 0
        if errno ~= 0 then
            say("halfway", snapshot, errno)
            return table.concat(answer, "\n")
        end
    end
end
for _, t in ipairs(targets) do
    local errno = zfs.sync.rollback(t.dataset)
    if errno == 0 then
        errno = zfs.sync.set_prop(t.dataset, property, mark)
    end
    if errno ~= 0 then
        say("halfway", t.dataset, errno)
        return table.concat(answer, "\n")
    end
end
return "done"
