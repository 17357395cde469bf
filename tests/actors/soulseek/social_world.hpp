#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "actors/soulseek/social_effects.hpp"
#include "net/soulseek/codec.hpp"
#include "storage/soulseek_store.hpp"

namespace vsf::soulseek::test {

template <class T>
std::vector<T> all(const social_effects& effects) {
  std::vector<T> found;
  for (const auto& e : effects)
    if (const auto* x = std::get_if<T>(&e)) found.push_back(*x);
  return found;
}

/// What the server was told, as messages of one type.
template <class Message>
std::vector<Message> told(const social_effects& effects) {
  std::vector<Message> found;
  for (const auto& e : all<tell_server>(effects)) {
    const auto m = decode_to_server(byte_view(e.message).subspan(4));
    if (m)
      if (const auto* x = std::get_if<Message>(&*m)) found.push_back(*x);
  }
  return found;
}

/// A disk that carries out what is to be kept.
struct disk {
  std::shared_ptr<storage::memory_store> kv = storage::make_memory_store();
  storage::soulseek_store store{kv};

  void take(const social_effects& effects) {
    for (const auto& e : effects) {
      const auto* kept = std::get_if<keep_social>(&e);
      const auto* gone = std::get_if<forget_social>(&e);
      if (kept != nullptr) {
        EXPECT_TRUE(store.put_rows(
            kept->rows, kept->receipt != 0 ? storage::durability::synced : storage::durability::buffered));
      }
      if (gone != nullptr) {
        EXPECT_TRUE(store.erase_rows(gone->rows, storage::durability::buffered));
      }
    }
  }
  std::vector<fb::SoulseekRowT> rows() const {
    std::vector<fb::SoulseekRowT> out;
    EXPECT_TRUE(store.for_each_row([&](const auto& row) {
      out.push_back(row.unpack());
      return true;
    }));
    return out;
  }
};

}  // namespace vsf::soulseek::test
