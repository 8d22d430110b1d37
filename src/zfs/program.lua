-- What the channel programs of backout begin with (zfs-program(8)).
--
-- They return one string, because the library cannot read a returned table: one word, or lines with
-- kind, name and detail, separated by tabs. An error in a program does not undo what it did before,
-- so everything is checked first. Guids are signed, because Lua's numbers are.

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

local answer = {}

local function say(kind, name, detail)
    answer[#answer + 1] = kind .. "\t" .. name .. "\t" .. tostring(detail)
end

local function prop(name, what)
    local value = zfs.get_prop(name, what)
    return value
end

-- Whether a snapshot may be destroyed; says why not.
local function free(snapshot)
    local errno = zfs.check.destroy(snapshot)
    if errno == 0 then
        return true
    end
    if prop(snapshot, "userrefs") > 0 then
        say("held", snapshot, "")
    elseif prop(snapshot, "numclones") > 0 then
        say("cloned", snapshot, "")
    else
        say("snapshot", snapshot, errno)
    end
    return false
end
