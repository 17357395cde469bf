vsf_library(vsf_identity_file SOURCES identity_file.cpp DEPS vsf_identity)
