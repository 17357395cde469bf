#include "actors/identity/identity_file.hpp"

#include "storage/identity_file.hpp"

namespace vsf::identity {

result<identity> open_identity(const std::string& path, const network_parameters& network,
                               crypto::random_source& random) {
  const auto content = storage::read_identity_file(path);
  if (!content) return fail(content.error().message);
  if (content->has_value()) {
    auto known = from_file_content(**content, network);
    if (!known) return fail(path + ": " + known.error().message);
    return known;
  }
  auto made = make_identity(network, random);
  if (const auto kept = save_identity(path, made); !kept) return fail(kept.error().message);
  return made;
}

result<void> save_identity(const std::string& path, const identity& who) {
  return storage::write_identity_file(path, to_file_content(who));
}

}  // namespace vsf::identity
