-- find_unreachable: since when Meta could deliver nothing to customers; it writes nothing.
-- with: unreachable
-- KEYS  1 the number's prefix
-- ARGV  names of contacts
-- Returns for each the second of the last failure within 30 days, 0 where there was none.
local number, since_s = KEYS[1], math.floor((clock() - C.MONTH_MS) / 1000)

local function find(name)
  local bucket, field = unreachable_slot(number, name)
  local value = redis.call('HGET', bucket, field)
  local failed_s = value and struct.unpack(UNREACHABLE_SINCE, value) or 0
  return failed_s >= since_s and failed_s or 0
end

local found = {}
for i, name in ipairs(ARGV) do found[i] = guarded(find, name) or 0 end
return found
