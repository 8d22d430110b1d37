-- One line for each key: database, key, type, SHA-1 over its values, each with its length.
-- Unordered values are sorted. Scores are formatted, because 7.0 and 8.0 print them differently.
-- Keys that expire are left out.
local out = {}
local function plain(text)
  return (string.gsub(text, '[%c\\\127-\255]', function(c) return string.format('\\x%02x', string.byte(c)) end))
end
local function digest(list)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = #value .. ':' .. value end
  return redis.sha1hex(table.concat(parts))
end
local function pairs_of(list, second)
  local joined = {}
  for i = 1, #list, 2 do joined[#joined + 1] = #list[i] .. ':' .. list[i] .. second(list[i + 1]) end
  table.sort(joined)
  return joined
end
local function same(value) return value end
local function score(value) return string.format('%.17g', tonumber(value)) end
local read = {
  string = function(key) return {redis.call('GET', key)} end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) local all = redis.call('SMEMBERS', key); table.sort(all); return all end,
  hash = function(key) return pairs_of(redis.call('HGETALL', key), same) end,
  zset = function(key) return pairs_of(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), score) end,
  stream = function(key)
    local all = {}
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
      all[#all + 1] = entry[1]
      for _, value in ipairs(entry[2]) do all[#all + 1] = value end
    end
    return all
  end,
}
local db = 0
while true do
  local answer = redis.pcall('SELECT', db)
  if answer.err then break end
  local cursor, seen = '0', {}
  repeat
    local page = redis.call('SCAN', cursor, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
      if not seen[key] and redis.call('PTTL', key) == -1 then
        seen[key] = true
        local kind = redis.call('TYPE', key).ok
        local values = read[kind] and digest(read[kind](key)) or 'not compared'
        out[#out + 1] = db .. '\t' .. plain(key) .. '\t' .. kind .. '\t' .. values
      end
    end
  until cursor == '0'
  db = db + 1
end
return out
