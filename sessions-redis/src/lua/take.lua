
-- A value that was taken stays under its nonce until the answer has arrived, to be told again.

local value = found[HEAD + 1] or found[HEAD + 2]
if not value then
  return ABSENT
end
sets[1], sets[2] = 't:' .. nonce, value
removed[1], removed[2] = 'e:' .. ARGV[6], 'i:' .. ARGV[6]
answer = { APPLIED, value }
