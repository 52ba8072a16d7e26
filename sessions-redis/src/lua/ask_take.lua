
-- ARGV goes on with: key.

fields[HEAD + 1] = 'e:' .. ARGV[6]
fields[HEAD + 2] = 'i:' .. ARGV[6]
