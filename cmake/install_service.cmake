# Run by `cmake --install`: manual pages, shell completion, systemd units, the user, log rotation. file(INSTALL) puts each file
# under DESTDIR and into the manifest, which the target `uninstall` reads.
file(REMOVE_RECURSE "${POSTROAD_STAGING}")
file(MAKE_DIRECTORY "${POSTROAD_STAGING}/man")

# Folders of GNUInstallDirs are relative to the prefix, or absolute: a Debian package passes CMAKE_INSTALL_SYSCONFDIR=/etc.
function(postroad_whole_path name folder)
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE whole)
  set(${name} "${whole}" PARENT_SCOPE)
endfunction()
postroad_whole_path(share "${POSTROAD_DATADIR}")
postroad_whole_path(man "${POSTROAD_MANDIR}")
postroad_whole_path(bin "${POSTROAD_BINDIR}")

execute_process(COMMAND "${POSTROAD_COMMAND}" man "${POSTROAD_STAGING}/man" COMMAND_ERROR_IS_FATAL ANY)
file(GLOB pages "${POSTROAD_STAGING}/man/*.1")
file(INSTALL DESTINATION "${man}/man1" TYPE FILE FILES ${pages})

# A macro: file(INSTALL) adds to the manifest in a variable, which a function would keep to itself.
macro(postroad_install_completion shell folder name)
  file(MAKE_DIRECTORY "${POSTROAD_STAGING}/${shell}")
  execute_process(COMMAND "${POSTROAD_COMMAND}" completion ${shell} OUTPUT_FILE "${POSTROAD_STAGING}/${shell}/${name}"
                  ERROR_QUIET RESULT_VARIABLE result)
  if(result EQUAL 0)
    file(INSTALL DESTINATION "${share}/${folder}" TYPE FILE FILES "${POSTROAD_STAGING}/${shell}/${name}")
  else()
    message(STATUS "No completion for ${shell}: the command does not make it")
  endif()
endmacro()
postroad_install_completion(bash bash-completion/completions postroad)
postroad_install_completion(zsh zsh/site-functions _postroad)
postroad_install_completion(fish fish/vendor_completions.d postroad.fish)

# The files in packaging/ name the paths of a prefix /usr. Configuration is below /etc then, else below the prefix.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr" AND NOT IS_ABSOLUTE "${POSTROAD_SYSCONFDIR}")
  set(etc "/${POSTROAD_SYSCONFDIR}")
else()
  postroad_whole_path(etc "${POSTROAD_SYSCONFDIR}")
endif()
foreach(name IN ITEMS postroad.service postroad.socket postroad.sysusers postroad.logrotate)
  file(READ "${POSTROAD_SOURCE}/packaging/${name}" text)
  string(REPLACE "/usr/bin/postroad" "${bin}/postroad" text "${text}")
  string(REPLACE "/etc/postroad" "${etc}/postroad" text "${text}")
  file(WRITE "${POSTROAD_STAGING}/${name}" "${text}")
endforeach()
set(lib "${CMAKE_INSTALL_PREFIX}/lib")
file(INSTALL DESTINATION "${lib}/systemd/system" TYPE FILE FILES "${POSTROAD_STAGING}/postroad.service" "${POSTROAD_STAGING}/postroad.socket")
file(INSTALL DESTINATION "${lib}/sysusers.d" TYPE FILE RENAME postroad.conf FILES "${POSTROAD_STAGING}/postroad.sysusers")
file(INSTALL DESTINATION "${etc}/logrotate.d" TYPE FILE RENAME postroad FILES "${POSTROAD_STAGING}/postroad.logrotate")
