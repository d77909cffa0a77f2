# SPDX-License-Identifier: MIT
# The installed package: the headers, and a config that looks only for what it is asked for. It may be moved after it was installed.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package ${CMAKE_INSTALL_DATADIR}/cmake/selfpred)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/selfpredConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT) # SameMajorVersion from 1.0 on
install(TARGETS selfpred_core EXPORT selfpredTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT selfpredTargets NAMESPACE selfpred:: DESTINATION ${package})
configure_file(${CMAKE_CURRENT_LIST_DIR}/selfpredConfig.cmake ${PROJECT_BINARY_DIR}/selfpredConfig.cmake @ONLY) # whether with BLAS
install(FILES ${PROJECT_BINARY_DIR}/selfpredConfigVersion.cmake ${PROJECT_BINARY_DIR}/selfpredConfig.cmake DESTINATION ${package})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/selfpred DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
