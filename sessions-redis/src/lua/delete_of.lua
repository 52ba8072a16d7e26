local head = redis.call('GETRANGE', KEYS[1], 0, 95 + #ARGV[2])
local is_newer = #head > 0 and head:byte(1) > 1
local is_theirs = #head == 96 + #ARGV[2] and head:byte(1) == 1 and head:byte(2) % 2 == 1
  and head:sub(5, 8) == ARGV[1] and head:sub(97) == ARGV[2]
if is_newer or is_theirs then return redis.call('DEL', KEYS[1]) end
return #head == 0 and 0 or -1
