-- KEYS: the index of a principal. ARGV: session id, until when the entry is good, now, slack. Drops what has run out.

local key, now, slack = KEYS[1], tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('(%.0f', now - slack))
redis.call('ZADD', key, 'GT', ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
if tonumber(last) == math.huge then
  redis.call('PERSIST', key)
else
  local rest = math.min(math.max(tonumber(last) - now, 0) + slack, 3155760000000)
  redis.call('PEXPIRE', key, string.format('%.0f', rest))
end
return 1
