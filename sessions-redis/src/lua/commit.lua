
local cleared = {}
local known = HEAD
local principal
local is_moved = false
-- How many fields and bytes the record may get that it has not got yet.
local grown, longer = 0, 0
-- The limits of the format, unless the commit brings its own. No session comes near its four gigabytes.
local most_bytes, most_keys = math.huge, 65535
local is_too_large = false
for at = FIRST, #ARGV, 3 do
  local operation, name, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if operation == 's' then
    known = known + 1
    if found[known] and not cleared['i:'] then
      return CONFLICT
    end
    grown, longer = grown + 1, longer + #name + #value + 8
    sets[#sets + 1] = 'e:' .. name
    sets[#sets + 1] = value
  elseif operation == '+' then
    local old, immutable = found[known + 1], found[known + 2]
    known = known + 2
    if cleared['e:'] then
      old, immutable = false, false
    end
    local sum = not immutable and add(old or '0', value)
    if not sum then
      return CONFLICT
    end
    if old then
      longer = longer + math.max(#sum - #old, 0)
    else
      grown, longer = grown + 1, longer + #name + #sum + 8
    end
    sets[#sets + 1] = 'e:' .. name
    sets[#sets + 1] = sum
  elseif operation == '=' or operation == '!' then
    local held = found[known + 1] or found[known + 2]
    known = known + 2
    if operation == '=' and held ~= value or operation == '!' and held then
      return CONFLICT
    end
  elseif operation == 'i' then
    grown, longer = grown + 1, longer + #name + #value + 8
    sets[#sets + 1] = 'i:' .. name
    sets[#sets + 1] = value
    removed[#removed + 1] = 'e:' .. name
  elseif operation == 'd' then
    removed[#removed + 1] = 'e:' .. name
    removed[#removed + 1] = 'i:' .. name
  elseif operation == 'f' then
    grown, longer = grown + 1, longer + #name + #value + 8
    sets[#sets + 1] = 'f:' .. name
    sets[#sets + 1] = value
  elseif operation == 'u' then
    removed[#removed + 1] = 'f:' .. name
  elseif operation == 'c' then
    known = known + 1
    if found[known] == value then
      removed[#removed + 1] = 'f:' .. name
    end
  elseif operation == 'x' then
    cleared[name] = true
  elseif operation == 'secret' then
    sets[#sets + 1] = 's'
    sets[#sets + 1] = value
  elseif operation == 'principal' then
    principal = value
    is_moved = true
    longer = longer + #value
    sets[#sets + 1] = 'p'
    sets[#sets + 1] = value
  elseif operation == 'idle' then
    idle_text = value
    idle = value == '-' and math.huge or tonumber(value)
    is_lasting = false
    is_moved = true
  elseif operation == 'limits' then
    most_bytes, most_keys = tonumber(name), tonumber(value)
  elseif operation == 'too large' then
    is_too_large = true
  else
    return CONFLICT
  end
end
if is_too_large then
  return TOO_LARGE
end
if next(cleared) then
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if cleared[string.sub(field, 1, 2)] then
      removed[#removed + 1] = field
    end
  end
end

-- The index entry of a session that activity carries on for ever has to be carried on too: at the first commit in each half of its
-- idle limit. The entry outlives three limits, so it is still there if some of these are lost. What another commit has changed since this
-- one was announced, only this one knows.
local half = idle / 2
local latest = math.max(seen, now)
local is_endless = absolute == math.huge
local is_due = is_endless and half > 0 and idle < math.huge and math.floor(seen / half) ~= math.floor(latest / half)
if is_moved or is_due then
  principal = principal or redis.call('HGET', key, 'p')
  if principal then
    local lasting = idle < math.huge and string.format('%.0f', latest + 3 * idle) or '+inf'
    answer = { APPLIED, principal, is_endless and lasting or absolute_text }
  end
end
