# Follows docs/add_a_model.md: its files go to a folder of the build, are compiled in place of those of the libraries
# (what is linked before a library's archive is not taken from it), and the family it adds meets the contract test.
function(weft_add_a_model_test)
  find_program(WEFT_PYTHON python3 HINTS /usr/bin)
  if(NOT TARGET weft_models OR NOT WEFT_PYTHON)
    return()
  endif()
  set(out ${CMAKE_BINARY_DIR}/add_a_model)
  set(sources common/models/toy.cpp common/models/registry.cpp common/adapter/family_names.cpp
      tests/models/toy_parity_test.cpp)
  list(TRANSFORM sources PREPEND ${out}/)
  add_custom_command(
    OUTPUT ${sources} ${out}/common/models/registry.h
    COMMAND ${WEFT_PYTHON} -B scripts/follow_page.py docs/add_a_model.md --source . --out ${out}
    DEPENDS docs/add_a_model.md scripts/follow_page.py common/models/registry.h common/models/registry.cpp
            common/adapter/family_names.cpp
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "Following docs/add_a_model.md")
  set(support contract_test.cpp adapter_support.cpp bert_support.cpp contract_support.cpp)
  list(TRANSFORM support PREPEND ${CMAKE_SOURCE_DIR}/tests/models/)
  add_executable(add_a_model_test ${sources} ${out}/common/models/registry.h ${support})
  target_include_directories(add_a_model_test BEFORE PRIVATE ${out})
  target_link_libraries(add_a_model_test PRIVATE weft_models weft_checkpoint GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_options(add_a_model_test PRIVATE -O1)
  target_compile_definitions(add_a_model_test PRIVATE WEFT_SOURCE_DIR="${out}")
  weft_limit_torch_compiles(add_a_model_test models)
  add_test(NAME AddAModel.Toy COMMAND add_a_model_test "--gtest_filter=*toy*:Toy*")
  set_tests_properties(AddAModel.Toy PROPERTIES LABELS fast TIMEOUT 300 COST ${weft_cost_fast}
                       FAIL_REGULAR_EXPRESSION "Running 0 tests")
endfunction()
