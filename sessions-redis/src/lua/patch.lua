if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
for at = 3, #ARGV, 2 do redis.call('SETRANGE', KEYS[1], ARGV[at], ARGV[at + 1]) end
if ARGV[2] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
