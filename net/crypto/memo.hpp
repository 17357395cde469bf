#pragma once

#include <optional>

#include "net/crypto/crypto.hpp"

/// The caches behind memoise(): sharded, safe from any thread, at most memo_entries each.
namespace vsf::crypto::memo {

inline constexpr std::size_t memo_entries = 1U << 20;

bool enabled();
/// `question` is a hash over key, signature and message.
std::optional<bool> find_verdict(const digest& question);
void keep_verdict(const digest& question, bool good);
/// The outer optional: is it known; the inner one: is there a secret.
std::optional<std::optional<digest>> find_secret(const static_key& a, const static_key& b);
void keep_secret(const static_key& a, const static_key& b, const std::optional<digest>& secret);

}  // namespace vsf::crypto::memo
