
-- A first try may arrive after the one that followed it, from a connection that broke. Nobody waits for its answer any more.
if KEYS[2] and not redis.call('SET', KEYS[2], word, 'PX', ARGV[5], 'NX') then
  return APPLIED
end

-- Writes what was checked: from here on nothing may be refused.

local last_seen = seen
if now > seen then
  last_seen, seen_text = now, ARGV[1]
end
local count = tonumber(version)
version = count < 9007199254740991 and string.format('%.0f', count + 1) or add(version, '1') or '0'
sets[#sets + 1] = 'h'
sets[#sets + 1] = '1 ' .. created .. ' ' .. seen_text .. ' ' .. idle_text .. ' ' .. absolute_text .. ' ' .. version .. size_text

for at = 1, #removed, BATCH do
  redis.call('HDEL', key, unpack(removed, at, math.min(at + BATCH - 1, #removed)))
end
for at = 1, #sets, BATCH do
  redis.call('HSET', key, unpack(sets, at, math.min(at + BATCH - 1, #sets)))
end

if is_lasting then
  return answer
end
-- The deadlines in the record decide. This is for collecting garbage, on the server's clock; after a hundred years in any case.
local rest = math.min(last_seen + idle, absolute) - now
if rest == math.huge then
  redis.call('PERSIST', key)
else
  redis.call('PEXPIRE', key, math.min(math.max(rest, 0) + tonumber(ARGV[3]), 3155760000000))
end
return answer
