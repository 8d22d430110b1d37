-- Rolls datasets of one pool back, all in one transaction group, and marks them (zfs-program(8)).
--
-- Arguments: "check" or "do", the property, its value; then any number of triples
--   "T", snapshot, guid    a snapshot to go back to; the triples up to the next "T" belong to it
--   "N", snapshot, guid    a newer snapshot of the same dataset, which may be destroyed; newest first
--   "B", bookmark, ""      a bookmark that may be there
-- Guids are signed, because Lua's numbers are.
--
-- Returns one string (a table would come back from the library as something it cannot read): "ready", "done", or lines of
-- kind, name, detail, parted by tabs. An error here would not undo what was done, so everything is looked at first.

local args = ...
local argv = args["argv"]
if argv == nil then
    -- The library has no arrays: "1", "2", ...
    argv = {}
    local i = 1
    while args[tostring(i)] ~= nil do
        argv[i] = args[tostring(i)]
        i = i + 1
    end
end

local mode, property, mark = argv[1], argv[2], argv[3]
local answer = {}
local targets = {}

local function say(kind, name, detail)
    answer[#answer + 1] = kind .. "\t" .. name .. "\t" .. tostring(detail)
end

local function prop(name, what)
    local value = zfs.get_prop(name, what)
    return value
end

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
    -- Few questions: each opens the snapshot anew, while nothing else is written to the pool.
    for snapshot in zfs.list.snapshots(t.dataset) do
        local wanted = t.newer[snapshot]
        if wanted == nil then
            if snapshot ~= t.snapshot and prop(snapshot, "createtxg") > txg then
                say("newer", snapshot, "")
            end
        else
            local found = tostring(prop(snapshot, "guid"))
            local errno = zfs.check.destroy(snapshot)
            if wanted ~= found then
                say("replaced", snapshot, found)
            elseif errno == 0 then
                t.doomed[snapshot] = true
            elseif prop(snapshot, "userrefs") > 0 then
                say("held", snapshot, "")
            elseif prop(snapshot, "numclones") > 0 then
                say("cloned", snapshot, "")
            else
                say("snapshot", snapshot, errno)
            end
        end
    end
    -- A bookmark newer than the target stops a rollback, and its age cannot be asked for here: the caller names those that may be.
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
    -- Against the newest snapshot, which need not be the target: what this finds is that the dataset is mounted or open.
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

-- All that is newer first: as long as one of them stays, no data has gone back anywhere.
for _, t in ipairs(targets) do
    for _, snapshot in ipairs(t.order) do
        -- One that is gone by now is as it should be.
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
