#include <iostream>
#include <string_view>

#include "config/schema.hpp"

int main(int count, char** arguments) {
  const std::string_view what = count == 2 ? arguments[1] : "";
  if (what == "sample")
    std::cout << vsf::config::sample();
  else if (what == "reference")
    std::cout << vsf::config::reference();
  else
    return 2;
  return std::cout.flush() ? 0 : 1;
}
