
-- Writes what was checked: from here on nothing may be refused.

local last_seen = seen
if now > seen then
  last_seen = now
  sets[#sets + 1] = 'a'
  sets[#sets + 1] = ARGV[1]
end
local count = tonumber(version) or 0
sets[#sets + 1] = 'r'
sets[#sets + 1] = count < 9007199254740991 and string.format('%.0f', count + 1) or add(version, '1') or '0'

-- The nonce is kept, so that this write is not done again if it is sent again. `n` holds when its window began and the nonces since,
-- `o` those of the window before. Each stays within the 64 bytes of a compact hash unless a session is written several times a second,
-- and has room for 2048 nonces if it is.
local time = math.floor(now / 1000) % 4294967296
local window = tonumber(ARGV[5])
if recent and #recent >= 4 and #recent < 16388 and math.abs(time - struct.unpack('>I4', recent)) < window then
  sets[#sets + 1] = 'n'
  sets[#sets + 1] = recent .. nonce
else
  -- What a take left behind, in case of a repetition, goes with its nonce.
  if older and #older > 256 then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, 2) == 't:' and string.find(older, string.sub(field, 3), 5, true) then
        removed[#removed + 1] = field
      end
    end
  else
    for at = 5, older and #older or 0, 8 do
      removed[#removed + 1] = 't:' .. string.sub(older, at, at + 7)
    end
  end
  if recent then
    sets[#sets + 1] = 'o'
    sets[#sets + 1] = recent
  end
  sets[#sets + 1] = 'n'
  sets[#sets + 1] = struct.pack('>I4', time) .. nonce
end

for at = 1, #removed, BATCH do
  redis.call('HDEL', key, unpack(removed, at, math.min(at + BATCH - 1, #removed)))
end
for at = 1, #sets, BATCH do
  redis.call('HSET', key, unpack(sets, at, math.min(at + BATCH - 1, #sets)))
end

-- The deadlines in the record decide. This is for collecting garbage, on the server's clock; after a hundred years in any case.
local rest = math.min(last_seen + idle, absolute) - now
if rest == math.huge then
  redis.call('PERSIST', key)
else
  redis.call('PEXPIRE', key, string.format('%.0f', math.min(math.max(rest, 0) + tonumber(ARGV[3]), 3155760000000)))
end
