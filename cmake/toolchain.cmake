find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(vsf_warnings INTERFACE)
target_compile_options(vsf_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual $<$<BOOL:${VSF_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # With optimisation g++ 12 accuses std::string and std::vector themselves (GCC PR 105329, 105651).
  target_compile_options(vsf_warnings INTERFACE
    -Wno-restrict -Wno-stringop-overread -Wno-stringop-overflow -Wno-array-bounds)
  if(CMAKE_CXX_FLAGS MATCHES "fsanitize")
    # ... and with sanitizers std::regex.
    target_compile_options(vsf_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
