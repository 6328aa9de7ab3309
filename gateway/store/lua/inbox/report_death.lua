-- report_death: a parent reports that one of its worker processes has ended.
-- with: deaths
-- KEYS  1 the partition's prefix
-- ARGV  1 the process, with which the names of its holders begin
-- Returns 1 where it held the partition, or was missing; an orderly end releases everything first.
local row = read_cursor(KEYS[1])
local begins = ARGV[1] .. '/'
local function is_its(holder) return holder:sub(1, #begins) == begins end

local held = 0
if is_its(row.holder) then
  count_death(KEYS[1], row, row.at, row.item, row.hand, row.asides)
  let_go(KEYS[1])
  held = 1
end
local missing = redis.call('HGETALL', KEYS[1] .. 'missing')
for i = 1, #missing, 2 do
  if is_its(missing[i]) then
    local _, at, item, hand, asides = missing[i + 1]:match('^(%d+)|([^|]*)|(%d+)|([^|]*)|(.*)$')
    count_death(KEYS[1], row, at, item, hand, asides)
    redis.call('HDEL', KEYS[1] .. 'missing', missing[i])
    held = 1
  end
end
return held
