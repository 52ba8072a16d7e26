-- KEYS: the session, and where word is left that it was created, if that may be. ARGV: '1' if an earlier try may have done it, for how
-- many milliseconds the word is kept, milliseconds to live (empty for ever), then fields and values. Answers 1 if stored, 0 if the id is
-- taken.

local key, place = KEYS[1], KEYS[2]
-- An earlier try did it: whatever became of the session since, the answer is the same.
if ARGV[1] == '1' and place and redis.call('EXISTS', place) == 1 then
  return 1
end
if redis.call('EXISTS', key) == 1 then
  return 0
end
-- A first try may arrive after the one that followed it, and after the session's end. Nobody waits for its answer any more.
if place and not redis.call('SET', place, '', 'PX', ARGV[2], 'NX') then
  return 1
end
for at = 4, #ARGV, 1000 do
  redis.call('HSET', key, unpack(ARGV, at, math.min(at + 999, #ARGV)))
end
if ARGV[3] ~= '' then
  redis.call('PEXPIRE', key, ARGV[3])
end
return 1
