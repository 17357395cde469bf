# vsf_page: the web page and the interface description, compiled in.
include(embed)
include(web)
vsf_web_page(SOURCE ${CMAKE_CURRENT_LIST_DIR}/web OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/page
  STAMP ${CMAKE_CURRENT_BINARY_DIR}/page.stamp)
vsf_embed(vsf_page FOLDER ${CMAKE_CURRENT_BINARY_DIR}/page OPENAPI ${CMAKE_CURRENT_LIST_DIR}/openapi.json
  STAMP ${CMAKE_CURRENT_BINARY_DIR}/page.stamp)
