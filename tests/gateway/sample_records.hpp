#pragma once

#include "messages/schemas.hpp"

/// Records as components make them: once with every field, once with nothing but what always is there.
namespace vsf::gateway::test {

/// Bytes that no JSON text, terminal or web page should get as they are: broken UTF-8, controls, markup,
/// quotes.
inline constexpr const char* hostile = "\xff\xc3\x28\x01\x1b[31m\r\n\"</script>\xe2\x80\xae\\";

inline constexpr const char* sample_mbid = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae";

fb::TransferStatusT full_transfer();
fb::TransferLimitsT full_limits();
fb::NodeStatusT full_status();
fb::ResolveResultT full_resolve();
fb::FileEntryT full_file();
fb::EventT full_event();

template <class Table>
record<Table> pack(const typename Table::NativeTableType& native) {
  return record<Table>::pack(native);
}

}  // namespace vsf::gateway::test
