
-- ARGV goes on with each change: its operation, key and value. Clears come first. What changes the head has no key.

local FIRST = 6
for at = FIRST, #ARGV, 3 do
  local operation, name = ARGV[at], ARGV[at + 1]
  if operation == 's' then
    fields[#fields + 1] = 'i:' .. name
  elseif operation == '+' or operation == '=' or operation == '!' then
    fields[#fields + 1] = 'e:' .. name
    fields[#fields + 1] = 'i:' .. name
  elseif operation == 'c' then
    fields[#fields + 1] = 'f:' .. name
  end
end
