-- KEYS: the index of a principal. ARGV: session ids and the scores that their entries had when they were found dead. An entry that
-- was announced anew since then stays.

local removed = 0
for at = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if score and tonumber(score) == tonumber(ARGV[at + 1]) then
    removed = removed + redis.call('ZREM', KEYS[1], ARGV[at])
  end
end
return removed
