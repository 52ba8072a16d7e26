-- A script is put together from parts: begin, what it asks for, open, what it does, write. It is one block, since every closure and
-- table is made anew for each call.
--
-- KEYS[1] is a session, KEYS[2] where the write leaves word that it was done, if it must not be done twice. ARGV begins with: now, expected
-- secret, slack, '1' if an earlier try may have done it, for how many milliseconds the word is kept. Lua's numbers are doubles: milliseconds
-- fit, an i64 does not. What goes into the hash is text that came in, or that `add` made.

local GONE, APPLIED, CONFLICT, DAMAGED, NEWER, ABSENT, TOO_LARGE = 0, 1, 2, 3, 4, 5, 6
-- How many fields go into one call: Lua's stack ends at some 8000.
local BATCH = 1000
-- How far, in milliseconds, the clocks of two machines may differ: `Record::is_live` has the reasons.
local CLOCK_TOLERANCE = 300000

local key = KEYS[1]
local now = tonumber(ARGV[1])
local HEAD = 2
local fields = { 'h', 's' }

-- Adds two decimal integers, written as HINCRBY wants them; nil where one is none, or the sum leaves the range of an i64. Not by
-- HINCRBY itself: it would have written the first sums of a commit before the last one is refused.
local function add(one, other)
  -- Nearly all are small, and a double holds their sum.
  if #one < 16 and #other < 16 and (one == '0' or string.find(one, '^-?[1-9]%d*$')) then
    return string.format('%.0f', tonumber(one) + tonumber(other))
  end
  -- An i64 is held as `high * BASE + low`, with 0 <= low < BASE.
  local BASE = 10000000000
  local function in_range(high, low)
    local carry = math.floor(low / BASE)
    high, low = high + carry, low - carry * BASE
    local too_high = high > 922337203 or high == 922337203 and low > 6854775807
    local too_low = high < -922337204 or high == -922337204 and low < 3145224192
    if not (too_high or too_low) then
      return high, low
    end
  end
  local function halves(text)
    if text == '0' then
      return 0, 0
    end
    local sign, digits = string.match(text, '^(-?)([1-9]%d*)$')
    if not digits or #digits > 19 then
      return nil
    end
    local high, low = tonumber(string.sub(digits, 1, -11)) or 0, tonumber(string.sub(digits, -10))
    if sign == '-' then
      high, low = -high, -low
    end
    return in_range(high, low)
  end
  local high, low = halves(one)
  local more, rest = halves(other)
  if not (high and more) then
    return nil
  end
  high, low = in_range(high + more, low + rest)
  if not high then
    return nil
  end
  local sign = ''
  if high < 0 then
    sign = '-'
    if low > 0 then
      high, low = high + 1, low - BASE
    end
  end
  high, low = math.abs(high), math.abs(low)
  if high == 0 then
    return sign .. string.format('%.0f', low)
  end
  return sign .. string.format('%.0f%010.0f', high, low)
end
