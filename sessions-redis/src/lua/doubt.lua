redis.replicate_commands()
local key, patience = KEYS[1], tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for at = 2, #ARGV, 2 do
  local id, found = ARGV[at], ARGV[at + 1]
  local score = tonumber(redis.call('ZSCORE', key, id) or nil)
  if score and (found == '' or tonumber(found) == score) then
    if score >= 0 then redis.call('ZADD', key, string.format('-%.0f', now), id)
    elseif now + score > patience then redis.call('ZREM', key, id) end
  end
end
return 1
