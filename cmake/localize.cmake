# Makes a static library of one object whose only global symbols are plimsoll_*, so that it links beside other Rust
# archives, each of which has its own copy of Rust's standard library. For ELF.
#
#   cmake -DLINKER=ld -DOBJCOPY=objcopy -DNM=nm -DAR=ar -DIN=in.a -DOUT=out.a -DSTRIP=ON [-DALSO=other.a] -P localize.cmake
#
# ALSO is a library whose functions plimsoll needs and the system may lack.
set(object "${OUT}.o")

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE failed ERROR_VARIABLE messages)
  if(failed)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}: ${failed}\n${messages}\nSet PLIMSOLL_LOCALIZE=OFF to install the archive as rustc made it.")
  endif()
endfunction()

# Only members of the archive that plimsoll needs: others would need libraries of the system.
execute_process(COMMAND "${NM}" --defined-only --extern-only "${IN}" OUTPUT_VARIABLE symbols ERROR_QUIET)
string(REGEX MATCHALL " T plimsoll_[a-z0-9_]+" symbols "${symbols}")
list(TRANSFORM symbols REPLACE " T " "--undefined=" OUTPUT_VARIABLE roots)
if(NOT roots)
  message(FATAL_ERROR "${NM} finds no function of plimsoll in ${IN}")
endif()

# Sections keep their names, so that --gc-sections still drops functions that are not used. Groups are resolved: a linker
# that keeps the group of another archive would drop sections that localized symbols of this one refer to.
run("${LINKER}" -r ${roots} --force-group-allocation -o "${object}" "${IN}" ${ALSO})
set(strip --strip-unneeded)
if(NOT STRIP)
  set(strip)
endif()
# Bitcode that rustc embeds is of use to rustc only, and linkers with another version of LLVM fail to read it.
run("${OBJCOPY}" --wildcard --keep-global-symbol=plimsoll_* --remove-section=.llvmbc --remove-section=.llvmcmd ${strip} "${object}")
file(REMOVE "${OUT}")
run("${AR}" crs "${OUT}" "${object}")
file(REMOVE "${object}")
