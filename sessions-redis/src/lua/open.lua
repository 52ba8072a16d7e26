
-- Reads what was asked for, and goes on only with a record that is alive and whose secret is the expected one.

local found
if #fields <= BATCH then
  found = redis.call('HMGET', key, unpack(fields))
else
  found = {}
  for at = 1, #fields, BATCH do
    for _, value in ipairs(redis.call('HMGET', key, unpack(fields, at, math.min(at + BATCH - 1, #fields)))) do
      found[#found + 1] = value
    end
  end
end
local format, secret, seen, idle, absolute, version, principal = unpack(found, 1, HEAD)
if format ~= '1' then
  if format then
    return (tonumber(format) or 0) > 1 and NEWER or DAMAGED
  end
  return redis.call('EXISTS', key) == 0 and GONE or DAMAGED
end
if ARGV[4] == '1' and KEYS[2] then
  local word = redis.call('GET', KEYS[2])
  if word then
    return word == '' and APPLIED or { APPLIED, string.sub(word, 2) }
  end
end
seen = seen and tonumber(seen)
if idle then
  idle = tonumber(idle)
else
  idle = math.huge
end
if absolute then
  absolute = tonumber(absolute)
else
  absolute = math.huge
end
if not (secret and seen and idle and absolute and version) then
  return DAMAGED
end
if secret ~= ARGV[2] or now >= seen + idle or now >= absolute then
  return GONE
end

local answer, word = APPLIED, ''
local sets, removed = {}, {}
