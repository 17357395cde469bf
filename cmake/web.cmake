# vsf_web_page(SOURCE dir OUTPUT dir STAMP file): builds the page with npm (npm ci, then `npm run build`) into OUTPUT
# whenever its sources change. STAMP is touched only when the page has changed.
#
# The packages and the build live in VSF_WEB_WORK_DIR, which all build folders below build/ share: the first one
# downloads them, later ones need no network. A lock keeps two builds at the same time from disturbing each other.

set(VSF_WEB_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(vsf_web_page)
  cmake_parse_arguments(A "" "SOURCE;OUTPUT;STAMP" "" ${ARGN})
  find_program(NPM npm)
  if(NOT NPM)
    message(FATAL_ERROR "npm is needed to build the web page: apt-get install nodejs npm")
  endif()
  string(FIND ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/build/ below)
  if(below EQUAL 0)
    set(work ${CMAKE_SOURCE_DIR}/build/web)
  else()
    set(work ${CMAKE_BINARY_DIR}/web)
  endif()
  set(VSF_WEB_WORK_DIR ${work} CACHE PATH "Where npm keeps its packages and builds the page")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${A_SOURCE}/src/* ${A_SOURCE}/public/*)
  foreach(name IN ITEMS index.html package.json package-lock.json tsconfig.json vite.config.js .npmrc)
    list(APPEND sources ${A_SOURCE}/${name})
  endforeach()
  add_custom_command(OUTPUT ${A_STAMP}
    COMMAND ${CMAKE_COMMAND} -DNPM=${NPM} -DSOURCE=${A_SOURCE} -DWORK=${VSF_WEB_WORK_DIR} -DOUTPUT=${A_OUTPUT}
            -DSTAMP=${A_STAMP} -P ${VSF_WEB_SCRIPT}
    DEPENDS ${sources} ${VSF_WEB_SCRIPT}
    COMMENT "Building the web page" VERBATIM)
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  return()
endif()

# ---- cmake -DNPM= -DSOURCE= -DWORK= -DOUTPUT= -DSTAMP= -P web.cmake
cmake_policy(VERSION 3.25)

# A hash over names and contents of the files the page is made of.
function(hash_sources out)
  file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/src/* ${SOURCE}/public/*)
  list(APPEND files index.html package.json package-lock.json tsconfig.json vite.config.js .npmrc)
  list(SORT files)
  set(all "")
  foreach(name IN LISTS files)
    file(SHA256 ${SOURCE}/${name} one)
    string(APPEND all "${name} ${one}\n")
  endforeach()
  string(SHA256 all "${all}")
  set(${out} ${all} PARENT_SCOPE)
endfunction()

function(run_npm)
  execute_process(COMMAND ${NPM} ${ARGN} WORKING_DIRECTORY ${WORK}/src RESULT_VARIABLE code OUTPUT_VARIABLE said
    ERROR_VARIABLE said TIMEOUT 540)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "npm ${command} failed in ${WORK}/src (${code}):\n${said}")
  endif()
endfunction()

function(holds out file text)
  set(${out} FALSE PARENT_SCOPE)
  if(EXISTS ${file})
    file(READ ${file} found)
    if(found STREQUAL text)
      set(${out} TRUE PARENT_SCOPE)
    endif()
  endif()
endfunction()

file(MAKE_DIRECTORY ${WORK}/src)
file(LOCK ${WORK}/lock GUARD PROCESS TIMEOUT 580)
hash_sources(wanted)
file(SHA256 ${SOURCE}/package-lock.json packages)
holds(installed ${WORK}/packages.sha256 ${packages})
holds(built ${WORK}/page.sha256 ${wanted})
if(NOT built OR NOT EXISTS ${WORK}/dist/index.html)
  file(REMOVE ${WORK}/page.sha256)
  file(REMOVE_RECURSE ${WORK}/src/src ${WORK}/src/public ${WORK}/dist)
  file(COPY ${SOURCE}/ DESTINATION ${WORK}/src PATTERN node_modules EXCLUDE PATTERN dist EXCLUDE)
  if(NOT installed OR NOT EXISTS ${WORK}/src/node_modules)
    file(REMOVE ${WORK}/packages.sha256)
    run_npm(ci --ignore-scripts --prefer-offline --no-audit --no-fund)
    file(WRITE ${WORK}/packages.sha256 ${packages})
  endif()
  run_npm(run build -- --outDir ${WORK}/dist --emptyOutDir)
  file(WRITE ${WORK}/page.sha256 ${wanted})
endif()
file(REMOVE_RECURSE ${OUTPUT})
file(COPY ${WORK}/dist/ DESTINATION ${OUTPUT})
file(WRITE ${STAMP} ${wanted})
