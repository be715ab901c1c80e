/* The entry of the CPython guest. The module is a reactor: the cell calls
 * _initialize once, then
 *
 *   bellglass_start   while the image is built: starts the interpreter without a
 *                     program and imports the modules that its arguments name.
 *                     The memory that is there then is the snapshot
 *   bellglass_run     runs the program with this run's arguments and environment,
 *                     returns its exit code
 *
 * Without bellglass_start, bellglass_run is what the program "python" is: every
 * option and every PYTHON* variable works. After it, the first argument is what
 * to run: -c, -m, - or a path. Whoever starts the guest sees to that; the rule is
 * in the recipe, under [snapshot].
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <internal/pycore_ceval.h>
#include <internal/pycore_fileutils.h>
#include <internal/pycore_initconfig.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_runtime.h>

#include "sharing.h"

#include <bellglass/run.h>
#include <bellglass/signals.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* --- interrupts ---------------------------------------------------------- */

/* What an interrupt does, as docs/protocol.md has it: the numbers are signals,
 * and the words that one sets make the evaluation loop take it. Empty until the
 * interpreter is up. */
static struct {
  uint32_t numbers, actions, words;
  struct {
    uint32_t address, mask, stride;
  } word[3];
} interrupt_table;

EXPORT(bellglass_interrupt_table) void *bellglass_interrupt_table(void) {
  return &interrupt_table;
}

static void add_interrupt_word(volatile void *address, uint32_t mask, uint32_t stride) {
  uint32_t at = interrupt_table.words++;
  interrupt_table.word[at].address = (uint32_t)(uintptr_t)address;
  interrupt_table.word[at].mask = mask;
  interrupt_table.word[at].stride = stride;
}

static void fill_interrupt_table(void) {
  interrupt_table.words = 0;
  interrupt_table.actions = (uint32_t)(uintptr_t)bellglass_signals.action;
  add_interrupt_word(bellglass_signals.pending, 1, sizeof bellglass_signals.pending[0]);
  add_interrupt_word(&bellglass_signals.any, 1, 0);
  /* The last word makes the evaluation loop look at the others. */
  add_interrupt_word(&_PyRuntime.main_tstate->eval_breaker, _PY_SIGNALS_PENDING_BIT, 0);
  interrupt_table.numbers = BELLGLASS_SIGNALS;
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

/* --- the snapshot -------------------------------------------------------- */

/* Python code that the entry runs; see there. */
static const char snapshot_file[] = "/usr/local/lib/bellglass/snapshot.py";

/* What it gave for each run. This reference is never given back, and so neither
 * are the modules that it keeps: no run spends time on them at its end. */
static PyObject *begin;

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return 0;
  size_t size = 0, room = 1 << 16;
  char *text = malloc(room);
  while (text && (size += fread(text + size, 1, room - size - 1, file)) == room - 1)
    text = realloc(text, room *= 2);
  fclose(file);
  if (text)
    text[size] = 0;
  return text;
}

/* Imports the modules of these names, and hides them until they are asked for. */
static int prepare(int count, char **names) {
  char *text = read_file(snapshot_file);
  if (!text) {
    fprintf(stderr, "cannot read %s\n", snapshot_file);
    return -1;
  }
  PyObject *code = Py_CompileString(text, "<frozen importlib._bootstrap>", Py_file_input);
  free(text);
  PyObject *globals = PyDict_New(), *list = PyList_New(0), *done = 0;
  /* What a debugger is told to skip of importlib's, it skips of this. */
  PyObject *own = PyUnicode_FromString("importlib._bootstrap");
  int failed = !code || !globals || !list || !own ||
               PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) < 0 ||
               PyDict_SetItemString(globals, "__name__", own) < 0;
  for (int i = 0; i < count && !failed; i++) {
    PyObject *name = PyUnicode_FromString(names[i]);
    failed = !name || PyList_Append(list, name) < 0;
    Py_XDECREF(name);
  }
  if (!failed)
    done = PyEval_EvalCode(code, globals, globals);
  if (done)
    begin = PyObject_CallFunctionObjArgs(PyDict_GetItemString(globals, "prepare"), list, NULL);
  Py_XDECREF(done);
  Py_XDECREF(code);
  Py_XDECREF(globals);
  Py_XDECREF(list);
  Py_XDECREF(own);
  return begin ? 0 : -1;
}

/* What is there now stays for good: a collection need neither look at it nor
 * write to its pages, which live guests share. The program's own module is not of
 * that kind: cycles through it end with the program's last collection. */
static int freeze_objects(void) {
  PyObject *gc = PyImport_ImportModule("gc");
  PyObject *own = PyImport_AddModule("__main__"), *names = own ? PyModule_GetDict(own) : 0;
  PyGC_Collect();
  if (!names || keep_objects(own) < 0)
    return -1;
  int is_tracked = PyObject_GC_IsTracked(names);
  PyObject_GC_UnTrack(own);
  PyObject_GC_UnTrack(names);
  PyObject *done = gc ? PyObject_CallMethod(gc, "freeze", NULL) : 0;
  if (gc)
    PyDict_DelItemString(PyImport_GetModuleDict(), "gc");
  PyErr_Clear();
  Py_XDECREF(done);
  Py_XDECREF(gc);
  PyObject_GC_Track(own);
  if (is_tracked)
    PyObject_GC_Track(names);
  return done ? 0 : -1;
}

/* What the start has left below the stack need not be kept. */
extern unsigned char __stack_low;

__attribute__((noinline)) static void clear_dead_stack(void) {
  unsigned char here;
  uintptr_t low = (uintptr_t)&__stack_low, high = (uintptr_t)&here;
  const uintptr_t own_frames = 1024;
  if (high > low + own_frames)
    memset(&__stack_low, 0, high - low - own_frames);
}

EXPORT(bellglass_start) void bellglass_start(void) {
  bellglass_begin_run();
  PyStatus status = initialize(1, bellglass_arguments);
  if (PyStatus_Exception(status))
    Py_ExitStatusException(status);
  if (prepare(bellglass_argument_count - 1, bellglass_arguments + 1) < 0 || freeze_objects() < 0) {
    PyErr_Print();
    abort();
  }
  started = 1;
  fill_memory();
  clear_dead_stack();
}

/* --- a started interpreter becomes this run's --------------------------- */

/* os.environ was filled when os was imported; fill it again. */
static int refresh_environment(void) {
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

/* The list of these, and sys.`name` the same. */
static int set_list(PyConfig *config, PyWideStringList *list, const char *name, int count, wchar_t **items) {
  PyStatus status = PyConfig_SetWideStringList(config, list, count, items);
  if (PyStatus_Exception(status))
    return -1;
  PyObject *texts = PyList_New(count);
  for (int i = 0; texts && i < count; i++) {
    PyObject *text = PyUnicode_FromWideChar(items[i], -1);
    if (!text) {
      Py_CLEAR(texts);
      break;
    }
    PyList_SET_ITEM(texts, i, text);
  }
  int failed = !texts || PySys_SetObject(name, texts) < 0;
  Py_XDECREF(texts);
  return failed ? -1 : 0;
}

static int set_text(PyConfig *config, wchar_t **field, const wchar_t *text) {
  return PyStatus_Exception(PyConfig_SetString(config, field, text)) ? -1 : 0;
}

/* What CPython's own reading of the command line makes of `-c CODE`, `-m MODULE`,
 * `-` or a path, with what follows. */
static int set_program(int argument_count, char **arguments) {
  wchar_t **words = calloc(argument_count + 1, sizeof *words);
  if (!words)
    return -1;
  for (int i = 0; i < argument_count; i++)
    if (!(words[i] = Py_DecodeLocale(arguments[i], 0)))
      return -1;
  PyConfig *config = (PyConfig *)_PyInterpreterState_GetConfig(_PyInterpreterState_GET());
  if (set_list(config, &config->orig_argv, "orig_argv", argument_count, words) < 0)
    return -1;

  int first = 1;
  wchar_t *what = words[1], *operand = argument_count > 2 ? words[2] : L"";
  int failed = 0;
  if (!wcscmp(what, L"-c")) {
    size_t length = wcslen(operand);
    wchar_t *line = malloc((length + 2) * sizeof *line);
    if (!line)
      return -1;
    wmemcpy(line, operand, length);
    wmemcpy(line + length, L"\n", 2);
    failed = set_text(config, &config->run_command, line);
    free(line);
    first = 2;
  } else if (!wcscmp(what, L"-m")) {
    failed = set_text(config, &config->run_module, operand);
    first = 2;
  } else if (wcscmp(what, L"-")) {
    wchar_t *path = 0;
    if (_Py_isabs(what))
      failed = set_text(config, &config->run_filename, what);
    else if (_Py_abspath(what, &path) == 0 && path)
      failed = set_text(config, &config->run_filename, path);
    else
      failed = -1;
    PyMem_RawFree(path);
  }
  /* sys.argv[0] is the option for the two that have an operand. */
  if (first == 2 && argument_count > 2)
    words[2] = what;
  if (!failed)
    failed = set_list(config, &config->argv, "argv", argument_count - first, words + first);
  return failed;
}

static PyStatus resume(void) {
  if (bellglass_argument_count < 2)
    return PyStatus_Error("a started interpreter needs a program");
  PyObject *done = 0;
  if (refresh_environment() == 0 && set_program(bellglass_argument_count, bellglass_arguments) == 0)
    done = PyObject_CallNoArgs(begin);
  if (!done) {
    PyErr_Print();
    return PyStatus_Error("cannot give a started interpreter its program");
  }
  Py_DECREF(done);
  return PyStatus_Ok();
}

/* --- running ------------------------------------------------------------ */

EXPORT(bellglass_run) int bellglass_run(void) {
  bellglass_begin_run();
  PyStatus status = started ? resume() : initialize(bellglass_argument_count, bellglass_arguments);
  if (PyStatus_IsExit(status))
    return status.exitcode;
  if (PyStatus_Exception(status))
    Py_ExitStatusException(status);
  fill_interrupt_table();
  int code = Py_RunMain();
  interrupt_table.numbers = 0;
  fflush(0);
  return code;
}
