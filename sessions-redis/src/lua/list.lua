redis.replicate_commands()
local key, id, life = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number = function(value) return string.format('%.0f', value) end
local ended = redis.call('ZRANGEBYSCORE', key, 0, number(now), 'LIMIT', 0, 100)
if #ended > 0 then redis.call('ZREM', key, unpack(ended)) end
local left = redis.call('PTTL', key)
local changed = redis.call('ZADD', key, 'GT', 'CH', life and number(now + life) or '+inf', id)
if changed == 0 and redis.call('ZADD', key, 0, '') then redis.call('ZREM', key, '') end
if not life then redis.call('PERSIST', key)
elseif left ~= -1 and left < life then redis.call('PEXPIRE', key, number(life)) end
return 1
