-- KEYS: the session. ARGV: '1' if an earlier try may have done it, milliseconds to live (empty for ever), then fields and values, of
-- which the second are 's' and the secret. Answers 1 if stored, 0 if the id is taken. A create that is sent again finds its own secret.

local key = KEYS[1]
if redis.call('EXISTS', key) == 1 then
  return ARGV[1] == '1' and redis.pcall('HGET', key, 's') == ARGV[6] and 1 or 0
end
for at = 3, #ARGV, 1000 do
  redis.call('HSET', key, unpack(ARGV, at, math.min(at + 999, #ARGV)))
end
if ARGV[2] ~= '' then
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1
