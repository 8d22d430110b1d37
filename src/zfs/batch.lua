-- Destroys or promotes many in one transaction group (zfs-program(8)).
--
-- Arguments: "snapshots", "datasets" or "promote"; then any number of pairs NAME, GUID.
-- Guids are signed, because Lua's numbers are. A name that does not exist (any more) needs nothing.
--
-- Returns one string, because the library cannot read a returned table: "done", or lines with kind,
-- name and detail, separated by tabs. An error in a program does not undo what it did before, so
-- everything is checked first.

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

local mode = argv[1]
local answer = {}
local work = {}

local function say(kind, name, detail)
    answer[#answer + 1] = kind .. "\t" .. name .. "\t" .. tostring(detail)
end

local function prop(name, what)
    local value = zfs.get_prop(name, what)
    return value
end

for i = 2, #argv, 2 do
    local name, guid = argv[i], argv[i + 1]
    if zfs.exists(name) then
        local found = tostring(prop(name, "guid"))
        if found ~= guid then
            say("replaced", name, found)
        elseif mode == "snapshots" then
            local errno = zfs.check.destroy(name)
            if errno == 0 then
                work[#work + 1] = name
            elseif prop(name, "userrefs") > 0 then
                say("held", name, "")
            elseif prop(name, "numclones") > 0 then
                say("cloned", name, "")
            else
                say("snapshot", name, errno)
            end
        elseif mode == "promote" then
            if prop(name, "origin") ~= nil then
                work[#work + 1] = name
            end
        else
            -- A parent can be checked only when its children are gone.
            work[#work + 1] = name
        end
    end
end
if #answer > 0 then
    return table.concat(answer, "\n")
end

for _, name in ipairs(work) do
    local errno
    if mode == "promote" then
        errno = zfs.sync.promote(name)
    else
        errno = zfs.sync.destroy(name)
    end
    if errno ~= 0 then
        say("stopped", name, errno)
        return table.concat(answer, "\n")
    end
end
return "done"
