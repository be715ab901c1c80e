/* What makes guests that begin from one snapshot share its memory. They share a
 * page until one of them writes to it; so what an interpreter writes without need
 * is to be avoided, and what it must write is to be in few places.
 *
 * Counts of references are written at every use of an object. Objects that do not
 * change, and that only the library has made, are made immortal: their counts
 * stand still. What may hold an object of a program's (modules, dictionaries,
 * lists, instances) stays mortal, so that all of a program's objects end as ever.
 *
 * At the end of a process each name of each module is set to None. For modules of
 * the snapshot that is left out where nothing ends by it.
 *
 * New memory comes from the gaps that the start has left all over its memory. They
 * are filled, so that each run finds one piece of untouched memory.
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_global_objects.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_namespace.h>
#include <internal/pycore_object.h>
#include <internal/pycore_obmalloc.h>
#include <internal/pycore_pystate.h>

#include "sharing.h"

#include <stdlib.h>
#include <unistd.h>

/* --- objects --------------------------------------------------------------- */

static int keep(PyObject *object);

static int keep_if_any(PyObject *object) { return !object || keep(object); }

static void keep_code(PyCodeObject *code) {
  keep_if_any(code->co_consts);
  keep_if_any(code->co_names);
  keep_if_any(code->co_exceptiontable);
  keep_if_any(code->co_localsplusnames);
  keep_if_any(code->co_localspluskinds);
  keep_if_any(code->co_filename);
  keep_if_any(code->co_name);
  keep_if_any(code->co_qualname);
  keep_if_any(code->co_linetable);
}

/* A function's cells may be filled again, but the tuple of them stays. */
static void keep_function(PyFunctionObject *function) {
  keep_if_any(function->func_code);
  keep_if_any(function->func_name);
  keep_if_any(function->func_qualname);
  keep_if_any(function->func_defaults);
  if (function->func_closure) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(function->func_closure); i++)
      _Py_SetImmortalUntracked(PyTuple_GET_ITEM(function->func_closure, i));
    _Py_SetImmortalUntracked(function->func_closure);
  }
}

static void keep_type(PyTypeObject *type) {
  keep_if_any(type->tp_mro);
  keep_if_any(type->tp_bases);
  keep_if_any(((PyHeapTypeObject *)type)->ht_name);
  keep_if_any(((PyHeapTypeObject *)type)->ht_qualname);
  keep_if_any(((PyHeapTypeObject *)type)->ht_slots);
}

static int keep_items(PyObject *tuple) {
  int all = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++)
    all &= keep_if_any(PyTuple_GET_ITEM(tuple, i));
  return all;
}

/* Makes an object immortal, with what belongs to it, if it is of a kind that does
 * not change. Gives whether it is immortal now. */
static int keep(PyObject *object) {
  if (_Py_IsImmortal(object))
    return 1;
  PyTypeObject *type = Py_TYPE(object);
  if (type == &PyUnicode_Type) {
    if (PyUnicode_CHECK_INTERNED(object))
      ((PyASCIIObject *)object)->state.interned = SSTATE_INTERNED_IMMORTAL;
    _Py_SetImmortalUntracked(object);
  } else if (type == &PyTuple_Type) {
    if (!keep_items(object))
      return 0;
    _Py_SetImmortalUntracked(object);
  } else if (type == &PyBytes_Type || type == &PyLong_Type || type == &PyFloat_Type ||
             type == &PyComplex_Type || type == &PyCFunction_Type || type == &PyMethodDescr_Type ||
             type == &PyClassMethodDescr_Type || type == &PyWrapperDescr_Type ||
             type == &PyGetSetDescr_Type || type == &PyMemberDescr_Type || type == &PyProperty_Type ||
             type == &PyStaticMethod_Type || type == &PyClassMethod_Type) {
    _Py_SetImmortalUntracked(object);
  } else if (type == &PyCode_Type) {
    _Py_SetImmortalUntracked(object);
    keep_code((PyCodeObject *)object);
  } else if (type == &PyFunction_Type) {
    _Py_SetImmortalUntracked(object);
    keep_function((PyFunctionObject *)object);
  } else if (PyType_Check(object)) {
    _Py_SetImmortalUntracked(object);
    keep_type((PyTypeObject *)object);
  } else {
    return 0;
  }
  return 1;
}

static int keep_referent(PyObject *object, void *nothing) {
  (void)nothing;
  if (object && !keep(object) && PyDict_CheckExact(object)) {
    /* The collector does not track those that hold nothing but such objects. */
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(object, &at, &key, &value)) {
      keep(key);
      keep(value);
    }
  }
  return 0;
}

/* --- the end of modules ------------------------------------------------------ */

/* The names of the modules of the snapshot, sorted by address. The modules, and so
 * these, are never given back. */
static PyObject **module_names;
static size_t module_count;

static int compare_addresses(const void *left, const void *right) {
  uintptr_t a = (uintptr_t) * (PyObject *const *)left, b = (uintptr_t) * (PyObject *const *)right;
  return (a > b) - (a < b);
}

static int is_of_snapshot(PyObject *names) {
  return module_count && bsearch(&names, module_names, module_count, sizeof names, compare_addresses);
}

/* What instances of classes written in Python have in common. */
static destructor instance_dealloc;

/* Whether no more happens when such an object ends than that its values end. */
static int is_plain(PyTypeObject *type) {
  if (type == &PyTuple_Type || type == &PyList_Type || type == &PyDict_Type || type == &PySet_Type ||
      type == &PyFrozenSet_Type || type == &_PyNamespace_Type)
    return 1;
  for (; type && type->tp_dealloc == instance_dealloc; type = type->tp_base)
    if (type->tp_finalize || type->tp_del)
      return 0;
  return type == &PyBaseObject_Type;
}

/* How far is_inert() looks. */
struct look {
  int objects, depth;
};

static int is_inert(PyObject *object, struct look *look);

static int is_not_inert(PyObject *object, void *look) { return !is_inert(object, look); }

/* Whether a program can see nothing of it when the last reference to this object
 * goes: no code of its own runs, no weak reference dies. */
static int is_inert(PyObject *object, struct look *look) {
  PyTypeObject *type = Py_TYPE(object);
  if (_Py_IsImmortal(object) || type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyLong_Type ||
      type == &PyFloat_Type)
    return 1;
  if (PyModule_CheckExact(object))
    return is_of_snapshot(PyModule_GetDict(object));
  if (!look->depth || !look->objects || !is_plain(type))
    return 0;
  if (_PyType_SUPPORTS_WEAKREFS(type) && *_PyObject_GET_WEAKREFS_LISTPTR(object))
    return 0;
  /* Without it an object holds no others. */
  if (!type->tp_traverse)
    return 1;
  look->objects--;
  look->depth--;
  int inert = !type->tp_traverse(object, is_not_inert, look);
  look->depth++;
  return inert;
}

/* A value that is left in place keeps what it holds, so only what holds nothing of
 * a program's may be. Other modules' names, a program's above all, become None as
 * they always do. */
static int is_end_unseen(PyObject *names, PyObject *value) {
  struct look look = {.objects = 100, .depth = 4};
  return is_of_snapshot(names) && is_inert(value, &look);
}

extern int (*_Py_is_end_unseen)(PyObject *names, PyObject *value);

/* Notes the modules among these objects, but for the program's own one. */
static int note_modules(PyObject *objects, PyObject *own, PyObject *gc) {
  PyObject *spec = PyObject_GetAttrString(gc, "__spec__");
  module_names = malloc(PyList_GET_SIZE(objects) * sizeof *module_names);
  if (!spec || !module_names) {
    Py_XDECREF(spec);
    return -1;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
    PyObject *object = PyList_GET_ITEM(objects, i);
    if (PyModule_CheckExact(object) && object != own)
      module_names[module_count++] = PyModule_GetDict(object);
  }
  qsort(module_names, module_count, sizeof *module_names, compare_addresses);
  instance_dealloc = Py_TYPE(spec)->tp_dealloc;
  _Py_is_end_unseen = is_end_unseen;
  Py_DECREF(spec);
  return 0;
}

/* --- all of it --------------------------------------------------------------- */

int keep_objects(PyObject *own) {
  PyObject *gc = PyImport_ImportModule("gc");
  PyObject *all = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : 0;
  if (!all || note_modules(all, own, gc) < 0) {
    Py_XDECREF(gc);
    Py_XDECREF(all);
    return -1;
  }
  Py_DECREF(gc);
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all); i++) {
    PyObject *object = PyList_GET_ITEM(all, i);
    keep(object);
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (traverse)
      traverse(object, keep_referent, 0);
  }
  Py_DECREF(all);
  PyInterpreterState *interp = _PyInterpreterState_GET();
  PyObject *interned = _Py_INTERP_CACHED_OBJECT(interp, interned_strings);
  if (interned)
    keep_referent(interned, 0);
  return 0;
}

/* --- memory ---------------------------------------------------------------- */

/* The object allocator keeps a list of pools with gaps for each size. */
static void fill_pools(void) {
  struct _obmalloc_state *state = _PyInterpreterState_GET()->obmalloc;
  for (unsigned size = 0; size < NB_SMALL_SIZE_CLASSES; size++) {
    /* The list is empty when its first pool is its own head. */
    for (;;) {
      poolp first = state->pools.used[size + size];
      if (first->nextpool == first || !PyObject_Malloc(INDEX2SIZE(size)))
        break;
    }
  }
}

/* malloc takes memory from the end when no gap is large enough. */
static void fill_gaps(void) {
  const size_t largest = 1 << 20, smallest = 8;
  char *end = malloc(largest);
  if (!end)
    return;
  for (size_t size = largest / 2; size >= smallest; size = size > 256 ? size / 2 : size - 8) {
    for (;;) {
      char *block = malloc(size);
      if (!block)
        break;
      if (block > end) {
        free(block);
        break;
      }
    }
  }
  free(end);
}

void fill_memory(void) {
  fill_pools();
  fill_gaps();
}
