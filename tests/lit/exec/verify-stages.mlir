// RUN: shardc-opt %s --exec-verify-stages --split-input-file --verify-diagnostics

!X = !exec.buffer<f32[n=2]>
// A send goes on at once: both may send before they receive. Numbers are each direction's and each entry's own.
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %y = exec.buffer : !X
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      %1 = exec.receive %y from 1 message 0 : !X async !exec.token
      exec.wait %1
      exec.wait %0
    }
    exec.func @eval() entry {
      %x = exec.buffer : !X
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      exec.wait %0
    }
  }
  module @stage_1 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %y = exec.buffer : !X
      %0 = exec.send %x to 0 message 0 : !X async !exec.token
      %1 = exec.receive %y from 0 message 0 : !X async !exec.token
      exec.wait %1
      exec.wait %0
    }
    exec.func @eval() entry {
      %y = exec.buffer : !X
      %1 = exec.receive %y from 0 message 0 : !X async !exec.token
      exec.wait %1
    }
  }
}

// -----

// Messages may be taken in another order than they are sent in.
!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      %1 = exec.send %x to 1 message 1 : !X async !exec.token
      exec.wait %0
      exec.wait %1
    }
  }
  module @stage_1 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %y = exec.buffer : !X
      %0 = exec.receive %x from 0 message 1 : !X async !exec.token
      exec.wait %0
      %1 = exec.receive %y from 0 message 0 : !X async !exec.token
      exec.wait %1
    }
  }
}

// -----

!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      // expected-error @+1 {{'exec.send' op message 0 of stage 0 in @step is never received: stage 1 has no receive of it}}
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      exec.wait %0
    }
  }
  module @stage_1 {
    exec.func @step() entry {
    }
  }
}

// -----

!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
    }
  }
  module @stage_1 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      // expected-error @+1 {{'exec.receive' op message 7 from stage 0 to stage 1 in @step is never sent: stage 0 has no send of it}}
      %0 = exec.receive %x from 0 message 7 : !X async !exec.token
      exec.wait %0
    }
  }
}

// -----

!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      // expected-note @+1 {{the first is here}}
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      // expected-error @+1 {{'exec.send' op is the second of message 0 between stage 0 and stage 1 in @step}}
      %1 = exec.send %x to 1 message 0 : !X async !exec.token
      exec.wait %0
      exec.wait %1
    }
  }
  module @stage_1 {
    exec.func @step() entry {
    }
  }
}

// -----

!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      // expected-error @+1 {{'exec.send' op of stage 0 names stage 2, it must be another of the 2}}
      %0 = exec.send %x to 2 message 0 : !X async !exec.token
      exec.wait %0
    }
  }
  module @stage_1 {
    exec.func @step() entry {
    }
  }
}

// -----

!X = !exec.buffer<f32[n=2]>
// A program without stages has nobody to send to.
module {
  exec.func @step() entry {
    %x = exec.buffer : !X
    // expected-error @+1 {{'exec.send' op of stage 0 names stage 0, it must be another of the 1}}
    %0 = exec.send %x to 0 message 0 : !X async !exec.token
    exec.wait %0
  }
}

// -----

// The same elements in another order are another message.
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !exec.buffer<f32[batch=2, seq=4]>
      // expected-note @+1 {{it is sent here}}
      %0 = exec.send %x to 1 message 0 : !exec.buffer<f32[batch=2, seq=4]> async !exec.token
      exec.wait %0
    }
  }
  module @stage_1 {
    exec.func @step() entry {
      %x = exec.buffer : !exec.buffer<f32[seq=4, batch=2]>
      // expected-error @+1 {{stage 1 receives message 0 as '!exec.buffer<f32[seq=4, batch=2]>', stage 0 sends '!exec.buffer<f32[batch=2, seq=4]>'}}
      %0 = exec.receive %x from 0 message 0 : !exec.buffer<f32[seq=4, batch=2]> async !exec.token
      exec.wait %0
    }
  }
}

// -----

// Each waits for what the other sends afterwards. Stage 2 waits for one of them, but closes no circle.
!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %y = exec.buffer : !X
      %1 = exec.receive %y from 1 message 0 : !X async !exec.token
      // expected-error @+1 {{'exec.wait' op @step can't end: stage 0 waits here for message 0 from stage 1}}
      exec.wait %1
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      exec.wait %0
    }
  }
  module @stage_1 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %y = exec.buffer : !X
      %1 = exec.receive %y from 0 message 0 : !X async !exec.token
      // expected-note @+1 {{stage 1 waits here for message 0 from stage 0}}
      exec.wait %1
      %0 = exec.send %x to 0 message 0 : !X async !exec.token
      %2 = exec.send %x to 2 message 0 : !X async !exec.token
      exec.wait %0
      exec.wait %2
    }
  }
  module @stage_2 {
    exec.func @step() entry {
      %y = exec.buffer : !X
      %1 = exec.receive %y from 1 message 0 : !X async !exec.token
      exec.wait %1
    }
  }
}

// -----

// The memory of a message is wanted back before the other stage comes to take it.
!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      // expected-error @+1 {{'exec.wait' op @step can't end: stage 0 waits here until stage 1 takes message 0}}
      exec.wait %0
      %1 = exec.send %x to 1 message 1 : !X async !exec.token
      exec.wait %1
    }
  }
  module @stage_1 {
    exec.func @step() entry {
      %y = exec.buffer : !X
      %z = exec.buffer : !X
      %0 = exec.receive %y from 0 message 0 : !X async !exec.token
      %1 = exec.receive %z from 0 message 1 : !X async !exec.token
      // expected-note @+1 {{stage 1 waits here for message 1 from stage 0}}
      exec.wait %1
      exec.wait %0
    }
  }
}

// -----

!X = !exec.buffer<f32[n=2]>
module {
  module @stage_0 {
    exec.func @step() entry {
      %x = exec.buffer : !X
      %0 = exec.send %x to 1 message 0 : !X async !exec.token
      // expected-error @+1 {{'exec.wait' op @step can't end: stage 0 waits here until stage 1 takes message 0}}
      exec.wait %0
    }
  }
  module @stage_1 {
    // expected-note @+1 {{stage 1 ends without waiting for it}}
    exec.func @step() entry {
      %y = exec.buffer : !X
      %0 = exec.receive %y from 0 message 0 : !X async !exec.token
    }
  }
}

// -----

module {
  module @stage_0 {
    exec.func @step() entry {
    }
    exec.func @eval() entry {
    }
  }
  // expected-error @+1 {{stage 1 has no entry @eval, which another has}}
  module @stage_1 {
    exec.func @step() entry {
    }
  }
}
