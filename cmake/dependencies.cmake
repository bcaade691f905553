# Everything Weft links, each as an imported target whose headers are SYSTEM includes.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(cppzmq REQUIRED)
find_package(msgpack REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(PkgConfig REQUIRED)
pkg_check_modules(pcre2_8 REQUIRED IMPORTED_TARGET libpcre2-8)
add_library(PCRE2::8 ALIAS PkgConfig::pcre2_8)
# msgpack's headers want Boost unless told that they may do without.
set_property(TARGET msgpackc-cxx APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS MSGPACK_NO_BOOST)

if(NOT WEFT_TORCH)
  return()
endif()
# LibTorch, CPU or CUDA, by a small target of our own: the wheel's CMake package stops at configure time when it was
# built for CUDA and no CUDA toolkit is installed, though nothing here needs one.
set(WEFT_TORCH_DIR "$ENV{WEFT_TORCH_DIR}" CACHE PATH "A LibTorch: the folder with include/ and lib/")
if(NOT WEFT_TORCH_DIR)
  file(GLOB wheel_torch ${CMAKE_SOURCE_DIR}/.deps/torch/lib/python3*/site-packages/torch)
  set(WEFT_TORCH_DIR "${wheel_torch}")
endif()
if(NOT EXISTS "${WEFT_TORCH_DIR}/include/ATen/core/Tensor.h")
  message(FATAL_ERROR "No LibTorch at \"${WEFT_TORCH_DIR}\". Run ./run setup, or set WEFT_TORCH_DIR to a folder with "
                      "include/ATen/core/Tensor.h and lib/libtorch_cpu.so.")
endif()
add_library(weft_torch INTERFACE)
target_include_directories(weft_torch SYSTEM INTERFACE
  ${WEFT_TORCH_DIR}/include ${WEFT_TORCH_DIR}/include/torch/csrc/api/include)
target_link_directories(weft_torch INTERFACE ${WEFT_TORCH_DIR}/lib)
# The cuda libraries register their kernels when loaded, so they must not be dropped as unneeded. libstdc++ goes first:
# some wheels export pieces of their own copy of it, std::filesystem among them, which crash when they are found sooner.
set(torch_libraries stdc++ torch torch_cpu c10)
foreach(library torch_cuda c10_cuda)
  if(EXISTS ${WEFT_TORCH_DIR}/lib/lib${library}.so)
    list(APPEND torch_libraries ${library})
  endif()
endforeach()
list(TRANSFORM torch_libraries PREPEND -l)
target_link_options(weft_torch INTERFACE -Wl,--allow-shlib-undefined -Wl,-rpath,${WEFT_TORCH_DIR}/lib)
target_link_libraries(weft_torch INTERFACE -Wl,--push-state,--no-as-needed ${torch_libraries} -Wl,--pop-state)
