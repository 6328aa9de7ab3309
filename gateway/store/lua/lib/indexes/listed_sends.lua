-- Listed sends: which sends there are, for lists of them by time, contact and reference.
-- with: generations
-- `{n}listed` is a stream with the id of each, in the order in which they were planned. Terms lead to
-- it, "c" and a contact or "r" and a reference: a bucket of `{n}terms` is a text of entries, the
-- oldest first, of 6 bytes of the term's digest and the place in the stream (ms in 6, number in 2).
local TERMS, ENTRY, TAG = 128, 14, 6

-- What chooses a term's bucket, and what stands in it.
local function digest_of(term)
  local hex = redis.sha1hex(term)
  return tonumber(hex:sub(1, 8), 16),
    struct.pack('>I3I3', tonumber(hex:sub(9, 14), 16), tonumber(hex:sub(15, 20), 16))
end

local function term_bucket(base, generation, choice)
  local name, buckets = generation:match('^(%d+):(%d+):')
  return string.format('%s:%s:%.0f', base, name, choice % tonumber(buckets))
end

-- The generation that this script adds to, and how many places; ids that are too old go once.
local terms_now
local listed_terms = 0
local function list_term(base, term, place)
  local choice, tag = digest_of(term)
  local bucket = term_bucket(base, terms_now, choice)
  if redis.call('APPEND', bucket, tag .. place) == ENTRY then redis.call('PEXPIRE', bucket, INDEX_LIVES) end
  listed_terms = listed_terms + 1
end

local function list_id(number, now, id)
  local listed = number .. 'listed'
  if terms_now then return redis.call('XADD', listed, '*', 'i', id) end
  local since = string.format('%.0f', math.max(0, now - C.MONTH_MS))
  return redis.call('XADD', listed, 'MINID', '~', since, '*', 'i', id)
end

local function list_under_terms(number, now, id, contact, reference)
  local ms, nth = list_id(number, now, id):match('^(%d+)-(%d+)$')
  local base, place = number .. 'terms', struct.pack('>I6I2', ms, nth)
  terms_now = terms_now or generation_now(base, now, 1, TERMS)
  list_term(base, 'c' .. contact, place)
  if reference ~= '' then list_term(base, 'r' .. reference, place) end
end

-- List a send, also by its reference unless that is "". A list whose keys are damaged lacks it.
local function list_send(...)
  guarded(list_under_terms, ...)
end

-- Count what was listed, in one write for all: a generation is full by this count.
local function count_listed(number)
  if listed_terms == 0 then return end
  guarded(redis.call, 'HINCRBY', number .. 'terms:count', terms_now:match('^%d+'), listed_terms)
  listed_terms = 0
end
