//! Handlers of the user's, and how they are matched with what an image imports.

use crate::monitor::{Handle, Next};
use crate::{Answer, Call, Error, Fault, Image, Signature, View};
use bellglass_system::lookup;
use bellglass_wire::{ParseSignatureError, ValueType, caps};
use std::collections::BTreeMap;

/// A handler of the user's for the calls of one signature, `module.name(params)results`: see
/// [`SandboxBuilder::on`](crate::SandboxBuilder::on), which takes the common kind.
///
/// A set of handlers is a function that makes them anew for each sandbox:
///
/// ```no_run
/// use bellglass::{Answer, Handler, Sandbox, Store, View};
///
/// fn handlers() -> [Handler; 2] {
///     [
///         Handler::new("linux.getpid()i", |_, _| Ok(Answer::i32(42))),
///         // The name comes along with the call. Images that do not import it are served too.
///         Handler::new("env.lookup(i)i", |call, _| {
///             let name = call.c_string(call.u32(0))?;
///             Ok(Answer::i32(name.len() as i32))
///         })
///         .views([View::Cstr { pointer: 0 }])
///         .optional(),
///     ]
/// }
///
/// let sandbox = Sandbox::builder(Store::open_default()?.find("python")?).handlers(handlers()).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Handler {
    signature: String,
    views: Vec<View>,
    importing: Importing,
    handle: Handle,
}

/// Whether an image must import a handler's signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Importing {
    Required,
    Optional,
}

impl Handler {
    /// A handler that answers the call itself, hands on with [`Next::answer`], or does both to
    /// watch or change.
    pub fn new(
        signature: impl Into<String>,
        handle: impl FnMut(&mut Call<'_>, Next<'_>) -> Result<Answer, Fault> + Send + 'static,
    ) -> Self {
        let (signature, handle) = (signature.into(), Box::new(handle));
        Self { signature, views: Vec::new(), importing: Importing::Required, handle }
    }

    /// What of the guest's memory comes along with each call, so that reading it costs no
    /// message to the cell. It changes nothing else: what does not come along is asked for.
    pub fn views(mut self, views: impl IntoIterator<Item = View>) -> Self {
        self.views.extend(views);
        self
    }

    /// Accepts images that do not import the signature: in them it is never asked.
    pub fn optional(mut self) -> Self {
        self.importing = Importing::Optional;
        self
    }
}

/// The handlers of one sandbox.
#[derive(Default)]
pub(crate) struct Handlers {
    by_signature: BTreeMap<Signature, Handling>,
    /// The first signature that is none, for `build` to tell.
    no_signature: Option<ParseSignatureError>,
}

/// What handles one signature.
pub(crate) struct Handling {
    /// The last one is asked first.
    pub(crate) handles: Vec<Handle>,
    pub(crate) views: Vec<View>,
    importing: Importing,
}

impl Handlers {
    /// Adds a handler before those that there are, and gives back its signature.
    pub(crate) fn add(&mut self, handler: Handler) -> Option<Signature> {
        let Handler { signature, views, importing, handle } = handler;
        match signature.parse::<Signature>() {
            Ok(signature) => {
                let handling = self.by_signature.entry(signature.clone()).or_insert(Handling {
                    handles: Vec::new(),
                    views: Vec::new(),
                    importing: Importing::Optional,
                });
                handling.handles.push(handle);
                handling.views.extend(views);
                if importing == Importing::Required {
                    handling.importing = importing;
                }
                Some(signature)
            }
            Err(error) => {
                self.no_signature.get_or_insert(error);
                None
            }
        }
    }

    /// Whether all that were given a signature have one.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        self.no_signature.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// What handles each signature, if the image is fit for them.
    ///
    /// # Errors
    /// [`Error`] for a signature that the image must import and does not, and for views
    /// that do not fit theirs.
    pub(crate) fn of(
        self,
        image: &Image,
        imported: &[Signature],
    ) -> Result<BTreeMap<Signature, Handling>, Error> {
        let mut by_signature = self.by_signature;
        for (signature, handling) in &mut by_signature {
            if handling.importing == Importing::Required && !imported.contains(signature) {
                return Err(Error::UnknownSignature {
                    image: image.manifest().full_name(),
                    signature: signature.to_string(),
                });
            }
            // The system's handler may be asked as well.
            let own = lookup(signature).map_or(&[][..], |row| row.views);
            let mut views = own.to_vec();
            for view in std::mem::take(&mut handling.views) {
                if !views.contains(&view) {
                    views.push(view);
                }
            }
            if let Some(reason) = misfit(signature, &views) {
                return Err(Error::Views { signature: signature.to_string(), reason });
            }
            handling.views = views;
        }
        Ok(by_signature)
    }
}

/// What is wrong with these views of a signature, if anything.
fn misfit(signature: &Signature, views: &[View]) -> Option<String> {
    let most = caps::VIEWS;
    if views.len() > most {
        return Some(format!("there are {} with those of the system, and may be {most}", views.len()));
    }
    let indices = views.iter().flat_map(|view| match *view {
        View::Fixed { pointer, .. } | View::Cstr { pointer } => [pointer, pointer],
        View::Bytes { pointer, length, .. } => [pointer, length],
        View::Iovec { pointer, count } => [pointer, count],
    });
    let parameter = |index: u8| signature.parameters.get(usize::from(index));
    let mut wrong = indices.filter(|index| parameter(*index) != Some(&ValueType::I32));
    wrong.next().map(|index| format!("argument {index} (the first is 0) is no 32-bit value of the call"))
}
