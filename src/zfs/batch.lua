-- Destroys or promotes many in one transaction group. `program.lua` stands before it.
--
-- Arguments: "snapshots", "datasets" or "promote"; then any number of pairs NAME, GUID.
-- A name that does not exist (any more) needs nothing. Returns "done", or what is wrong.

local mode = argv[1]
local work = {}

for i = 2, #argv, 2 do
    local name, guid = argv[i], argv[i + 1]
    if zfs.exists(name) then
        local found = tostring(prop(name, "guid"))
        if found ~= guid then
            say("replaced", name, found)
        elseif mode == "snapshots" then
            if free(name) then
                work[#work + 1] = name
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
