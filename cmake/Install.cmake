# Install rules: components plimsoll_shared, plimsoll_static and plimsoll_development.
set(plimsoll_shared_dir "${CMAKE_INSTALL_LIBDIR}")
if(PLIMSOLL_SHARED)
  if(plimsoll_name_import)
    set(plimsoll_shared_dir "${CMAKE_INSTALL_BINDIR}")
    install(FILES "${import_library}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT plimsoll_shared)
  endif()
  install(PROGRAMS "${shared_library}" DESTINATION "${plimsoll_shared_dir}" COMPONENT plimsoll_shared)
  if(shared_link)
    install(FILES "${shared_link}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT plimsoll_shared)
  endif()
endif()
if(PLIMSOLL_STATIC)
  install(FILES "${static_library}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT plimsoll_static)
endif()
install(FILES include/plimsoll.h include/plimsoll.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT plimsoll_development)

# Directories may be absolute, or relative to the prefix.
foreach(directory IN ITEMS LIBDIR INCLUDEDIR)
  string(TOLOWER "plimsoll_pc_${directory}" variable)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${directory}}")
    set(${variable} "${CMAKE_INSTALL_${directory}}")
  else()
    set(${variable} "\${prefix}/${CMAKE_INSTALL_${directory}}")
  endif()
endforeach()
list(TRANSFORM plimsoll_name_libraries PREPEND "-l" OUTPUT_VARIABLE plimsoll_pc_private)
list(JOIN plimsoll_pc_private " " plimsoll_pc_private)
configure_file("${CMAKE_CURRENT_SOURCE_DIR}/cmake/plimsoll.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/plimsoll.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/plimsoll.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT plimsoll_development)

configure_package_config_file(cmake/plimsoll-config.cmake.in plimsoll-config.cmake
                              INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/plimsoll"
                              PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR plimsoll_shared_dir)
write_basic_package_version_file(plimsoll-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/plimsoll-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/plimsoll-config-version.cmake"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/plimsoll" COMPONENT plimsoll_development)
