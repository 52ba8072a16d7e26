-- KEYS: the session. ARGV: nonce, milliseconds to live (empty for ever), then fields and values. Answers 1 if stored, 0 if the id
-- is taken. A create that is sent again finds its own nonce.

local key, nonce = KEYS[1], ARGV[1]
if redis.call('EXISTS', key) == 1 then
  local nonces = redis.pcall('HMGET', key, 'n', 'o')
  for _, kept in ipairs(nonces) do
    if kept and string.find(kept, nonce, 5, true) then
      return 1
    end
  end
  return 0
end
for at = 3, #ARGV, 1000 do
  redis.call('HSET', key, unpack(ARGV, at, math.min(at + 999, #ARGV)))
end
if ARGV[2] ~= '' then
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1
