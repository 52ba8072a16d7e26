
-- Refuses what would make the record larger than it may be; one that is too large already may stay so, or shrink. The head has a size that
-- the record does not exceed: each commit adds what it may add to the record. Only where that comes to more than a limit, the record is
-- measured, as core writes it, and the size is exact again.

local is_full = grown > 0 and redis.call('HLEN', key) - HEAD + grown > most_keys
local is_long = longer > 0 and size + longer > most_bytes
local new_size = size + longer
if is_full or is_long then
  -- What each field that is written will hold, false for one that goes.
  local written = {}
  for _, field in ipairs(removed) do
    written[field] = false
  end
  for at = 1, #sets, 2 do
    written[sets[at]] = sets[at + 1]
  end
  -- Returns what a field adds to the bytes and the keys of a record. A key has a line of eight bytes, and no `e:` before it.
  local function measure(field, value)
    if #field > 1 then
      return #field + #value + 6, 1
    end
    return field == 'p' and #value or 0, 0
  end
  local old_bytes, old_keys, bytes, keys = 96, 0, 96, 0
  local all = redis.call('HGETALL', key)
  for at = 1, #all, 2 do
    local field = all[at]
    local more_bytes, more_keys = measure(field, all[at + 1])
    old_bytes, old_keys = old_bytes + more_bytes, old_keys + more_keys
    if written[field] == nil then
      bytes, keys = bytes + more_bytes, keys + more_keys
    end
  end
  for field, value in pairs(written) do
    if value then
      local more_bytes, more_keys = measure(field, value)
      bytes, keys = bytes + more_bytes, keys + more_keys
    end
  end
  if bytes > math.max(most_bytes, old_bytes) or keys > math.max(most_keys, old_keys) then
    return TOO_LARGE
  end
  new_size = bytes
end
if new_size ~= size then
  size_text = string.format(' %.0f', new_size)
end
