
-- A value that was taken is kept until the answer has arrived, to be told again.

local value = found[HEAD + 1] or found[HEAD + 2]
if not value then
  return ABSENT
end
word = '=' .. value
removed[1], removed[2] = 'e:' .. ARGV[6], 'i:' .. ARGV[6]
answer = { APPLIED, value }
