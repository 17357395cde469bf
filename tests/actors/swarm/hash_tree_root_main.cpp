// Prints the hash-tree root of each file named on the command line, one hex line each.

#include <array>
#include <cstdio>
#include <fstream>

#include "actors/swarm/hash_tree.hpp"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    vsf::swarm::tree_builder builder;
    std::array<char, 50'000> chunk{};
    while (in.read(chunk.data(), chunk.size()), in.gcount() > 0)
      builder.update(
          {reinterpret_cast<const std::uint8_t*>(chunk.data()), static_cast<std::size_t>(in.gcount())});
    std::printf("%s\n", vsf::to_hex(builder.root()).c_str());
  }
  return 0;
}
