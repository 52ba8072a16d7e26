
-- An earlier try may have done it: whatever became of the session since, the answer is the same.
if ARGV[4] == '1' and KEYS[2] then
  local word = redis.call('GET', KEYS[2])
  if word then
    return word == '' and APPLIED or { APPLIED, string.sub(word, 2) }
  end
end

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
local head, secret = found[1], found[2]
local created, seen_text, idle_text, absolute_text, version, size_text =
  string.match(head or '', '^1 (%d+) (%d+) ([%d-]+) ([%d-]+) (%d+)( ?%d*)$')
local seen = seen_text and tonumber(seen_text)
local idle = idle_text == '-' and math.huge or tonumber(idle_text or '')
local absolute = absolute_text == '-' and math.huge or tonumber(absolute_text or '')
local size = size_text == '' and math.huge or tonumber(size_text or '')
if not (secret and seen and idle and absolute and size) then
  local format = head and tonumber(string.match(head, '^%d+'))
  if format and format > 1 then
    return NEWER
  end
  return head == false and redis.call('EXISTS', key) == 0 and GONE or DAMAGED
end
if secret ~= ARGV[2] or now >= seen + idle or now >= absolute or seen > now + CLOCK_TOLERANCE then
  return GONE
end

local answer, word = APPLIED, ''
local sets, removed = {}, {}
-- Whether the key's own expiry is late enough as it is: the first write in these ten seconds set it, and the slack is a minute.
local is_lasting = math.floor(now / 10000) == math.floor(seen / 10000)
