#include "storage/event_store.hpp"

#include <algorithm>

namespace vsf::storage {

namespace {
byte_view last_key() { return view_of_text("events_last"); }
bytes key_of(std::uint64_t seq) { return key_builder().number(seq).take(); }
}  // namespace

event_store::event_store(std::shared_ptr<kv_store> store, std::uint64_t limit)
    : events_(std::move(store), family::events), limit_(std::max<std::uint64_t>(limit, 1)) {}

result<std::uint64_t> event_store::last_seq() const {
  auto raw = events_.store().get(family::meta, last_key());
  if (!raw) return tl::unexpected(raw.error());
  if (!*raw) return 0;
  return key_reader(**raw).number<std::uint64_t>().value_or(0);
}

result<std::uint64_t> event_store::append(fb::EventT event, durability how) {
  const auto last = last_seq();
  if (!last) return tl::unexpected(last.error());
  event.seq = *last + 1;
  write_batch batch;
  events_.put(batch, key_of(event.seq), record<fb::Event>::pack(event));
  batch.put(family::meta, last_key(), key_of(event.seq));
  // Numbers have no gaps, so one in is one out.
  if (event.seq > limit_) events_.erase(batch, key_of(event.seq - limit_));
  if (auto written = events_.store().write(batch, how); !written) return tl::unexpected(written.error());
  return event.seq;
}

result<void> event_store::for_each(std::uint64_t from_seq,
                                   const std::function<bool(const record<fb::Event>&)>& visit) const {
  return events_.for_each(key_of(from_seq), {}, [&](byte_view, const auto& event) { return visit(event); });
}

result<std::vector<record<fb::Event>>> event_store::newest(std::size_t n) const {
  const auto last = last_seq();
  if (!last) return tl::unexpected(last.error());
  std::vector<record<fb::Event>> out;
  const auto from = *last >= n ? *last - n + 1 : 1;
  auto done = for_each(from, [&](const auto& event) {
    out.push_back(event);
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  return out;
}

}  // namespace vsf::storage
