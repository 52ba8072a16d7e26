local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and info:match('run_id:(%w+)') or ''
local position = run == ARGV[1] and ARGV[2] or '0'
return {run, redis.call('ZSCAN', KEYS[1], position, 'COUNT', ARGV[3])}
