-- KEYS: the session. ARGV: '=' and the principal that it must belong to (empty for whoever), '1' to be sent to the replicas even
-- if there is nothing to remove. Answers how many sessions ended, and whose it was; -1 if there is one, and it is another's.

local key = KEYS[1]
local principal = redis.pcall('HGET', key, 'p')
if type(principal) == 'table' then
  -- Not a session at all, but it lies where one would.
  principal = false
end
if ARGV[1] ~= '' and (not principal or '=' .. principal ~= ARGV[1]) and redis.call('EXISTS', key) == 1 then
  return { -1 }
end
local ended = redis.call('DEL', key)
if ended == 0 and ARGV[2] == '1' then
  -- WAIT waits for a connection's last write, so there has to be one: an earlier try may have done the work on another.
  redis.call('HSET', key, 'h', '')
  redis.call('DEL', key)
end
return { ended, principal }
