vsf_test(hash_tree_test SOURCES hash_tree_test.cpp DEPS vsf_hash_tree)

add_executable(hash_tree_root hash_tree_root_main.cpp)
target_link_libraries(hash_tree_root PRIVATE vsf_hash_tree vsf_warnings)
# Debian's own interpreter: its libtorrent is not visible to any other.
add_test(NAME hash_tree_equals_libtorrent_v2
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/hash_tree_interop.py $<TARGET_FILE:hash_tree_root>)
set_tests_properties(hash_tree_equals_libtorrent_v2 PROPERTIES LABELS process TIMEOUT 120)
