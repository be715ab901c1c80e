/* The entry of the CPython guest. The module is a reactor: the cell calls
 * _initialize once, then
 *
 *   bellglass_start   optionally: starts the interpreter without a program, so
 *                     that the memory of a started interpreter can be kept
 *   bellglass_run     fetches arguments and environment through the WASI calls,
 *                     runs the program, returns its exit code
 *
 * Without bellglass_start, bellglass_run is what the program "python" is:
 * every option and every PYTHON* variable works.
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <internal/pycore_ceval.h>
#include <internal/pycore_initconfig.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_runtime.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc-environ.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* --- what the controller needs to reach --------------------------------- */

EXPORT(bellglass_errno_address) int *bellglass_errno_address(void) { return &errno; }

/* Words that a signal handler of the cell sets to interrupt the program:
 * CPython's own signal handler sets the same ones. Empty until the interpreter
 * is up. */
static struct {
  uint32_t count;
  struct {
    uint32_t address, mask;
  } word[4];
} interrupt_table;

EXPORT(bellglass_interrupt_table) void *bellglass_interrupt_table(void) {
  return &interrupt_table;
}

static void add_interrupt_word(volatile void *address, uint32_t mask) {
  uint32_t at = interrupt_table.count++;
  interrupt_table.word[at].address = (uint32_t)(uintptr_t)address;
  interrupt_table.word[at].mask = mask;
}

static void fill_interrupt_table(void) {
  interrupt_table.count = 0;
#if PY_VERSION_HEX >= 0x030D0000
  /* The last word makes the evaluation loop look at the first two. */
  add_interrupt_word(&_PyRuntime.signals.handlers[SIGINT].tripped, 1);
  add_interrupt_word(&_PyRuntime.signals.is_tripped, 1);
  add_interrupt_word(&_PyRuntime.main_tstate->eval_breaker, _PY_SIGNALS_PENDING_BIT);
#elif PY_VERSION_HEX >= 0x030C0000
  add_interrupt_word(&_PyRuntime.signals.handlers[SIGINT].tripped, 1);
  add_interrupt_word(&_PyRuntime.signals.is_tripped, 1);
  add_interrupt_word(&_PyRuntime.ceval.signals_pending, 1);
  add_interrupt_word(&_PyInterpreterState_Main()->ceval.eval_breaker, 1);
#endif
}

/* --- arguments, environment, working directory -------------------------- */

static int argument_count;
static char **arguments;

static void fetch_arguments(void) {
  __wasi_size_t count, size;
  if (__wasi_args_sizes_get(&count, &size))
    abort();
  char *text = malloc(size + 1);
  char **list = calloc(count + 1, sizeof *list);
  if (!text || !list || __wasi_args_get((uint8_t **)list, (uint8_t *)text))
    abort();
  argument_count = (int)count;
  arguments = list;
}

/* wasi-libc keeps the working directory in the guest and begins at "/". */
static void enter_working_directory(void) {
  const char *path = getenv("PWD");
  if (path && *path == '/')
    (void)chdir(path);
}

/* --- starting ----------------------------------------------------------- */

static int started;

/* Does what Py_BytesMain does before it runs the program. */
static PyStatus initialize(int count, char **list) {
  PyPreConfig preconfig;
  PyPreConfig_InitPythonConfig(&preconfig);
  PyStatus status = Py_PreInitializeFromBytesArgs(&preconfig, count, list);
  if (PyStatus_Exception(status))
    return status;

  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  status = PyConfig_SetBytesArgv(&config, count, list);
  if (!PyStatus_Exception(status))
    status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  return status;
}

EXPORT(bellglass_start) void bellglass_start(void) {
  static char *nobody[] = {"/usr/local/bin/python3", 0};
  PyStatus status = initialize(1, nobody);
  if (PyStatus_Exception(status))
    Py_ExitStatusException(status);
  started = 1;
}

/* --- a started interpreter becomes this run's --------------------------- */

/* os.environ was filled when os was imported; fill it again. */
static int refresh_environment(void) {
  __wasilibc_deinitialize_environ();
  __wasilibc_initialize_environ();
  PyObject *os = PyImport_ImportModule("os");
  PyObject *mapping = os ? PyObject_GetAttrString(os, "environ") : 0;
  PyObject *data = mapping ? PyObject_GetAttrString(mapping, "_data") : 0;
  int failed = !data;
  if (data) {
    PyDict_Clear(data);
    for (char **entry = environ; entry && *entry && !failed; entry++) {
      char *equals = strchr(*entry, '=');
      if (!equals)
        continue;
      PyObject *key = PyBytes_FromStringAndSize(*entry, equals - *entry);
      PyObject *value = PyBytes_FromString(equals + 1);
      failed = !key || !value || PyDict_SetItem(data, key, value) < 0;
      Py_XDECREF(key);
      Py_XDECREF(value);
    }
  }
  Py_XDECREF(data);
  Py_XDECREF(mapping);
  Py_XDECREF(os);
  return failed ? -1 : 0;
}

/* Gives the running interpreter the configuration that these arguments and
 * this environment make. */
static PyStatus reconfigure(void) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  PyStatus status = PyConfig_SetBytesArgv(&config, argument_count, arguments);
  if (!PyStatus_Exception(status))
    status = PyConfig_Read(&config);
  if (!PyStatus_Exception(status)) {
    if (refresh_environment() < 0 || _PyInterpreterState_SetConfig(&config) < 0) {
      PyErr_Print();
      status = PyStatus_Error("cannot give a started interpreter its program");
    }
  }
  PyConfig_Clear(&config);
  return status;
}

/* --- running ------------------------------------------------------------ */

EXPORT(bellglass_run) int bellglass_run(void) {
  fetch_arguments();
  if (started)
    __wasilibc_ensure_environ();
  enter_working_directory();
  PyStatus status = started ? reconfigure() : initialize(argument_count, arguments);
  if (PyStatus_IsExit(status))
    return status.exitcode;
  if (PyStatus_Exception(status))
    Py_ExitStatusException(status);
  fill_interrupt_table();
  int code = Py_RunMain();
  interrupt_table.count = 0;
  fflush(0);
  return code;
}
