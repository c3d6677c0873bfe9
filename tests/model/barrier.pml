/* barrier.pml: checkpoints by barriers (design §6), two sources into one stage with two inputs, into a sink that
   commits in two phases.
   Sources send N records each; the coordinator triggers up to MAXC checkpoints, one at a time, and gives up MAXA of
   them; the stage aligns its two inputs; the sink seals what it has at a barrier and commits when it is told.  Everything
   may crash MAXF times, and then begins again from the newest complete checkpoint.
   Not modelled: unaligned barriers, zombies (publish.pml has them), sources that end.
   Checked: no record is processed or committed twice; what a stage has seen at its snapshot is what the sources had sent
   at theirs; at the end exactly what the complete checkpoints hold is committed; no deadlock.
   Run: spin -a FLAGS barrier.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m200000
   The defaults, with one crash (MAXF=1): 1.6 M states; with two: 4.4 M.
   Negative controls, each fails:
     -DNOALIGN      an input that has delivered the barrier is still read
     -DEARLY        the sink commits at the barrier, before the checkpoint is complete
     -DNOSUBSUME    what was sealed for a checkpoint that was given up is not committed with the next one
     -DNORECOMMIT   what was sealed and not committed is forgotten at a restart
*/
#ifndef N
#define N 2
#endif
#ifndef MAXC
#define MAXC 3
#endif
#ifndef MAXF
#define MAXF 2
#endif
#ifndef MAXA
#define MAXA 1
#endif
#define R (2*N)
byte pos[2], wbar[2], wcur, wcnt, cur, nid=1, inflight, acks, done, faults, aband;
byte pre[MAXC+1], com[R], tsp[2], tsw, tpre[MAXC+1], csp[2], csw, cpre[MAXC+1], tid[2];
bool note, txc[MAXC+1];
chan ch[2] = [2] of {byte,byte};
chan wk = [2] of {byte,byte};
byte i,j,a,b;
inline commit_upto() {
  i=1;
  do :: i<=MAXC ->
       if :: i<=done && pre[i]!=0 ->
             if :: !txc[i] -> txc[i]=1; j=0;
                   do :: j<R -> if :: (pre[i]>>j)&1 -> com[j]++; assert(com[j]<=1) :: else fi; j++
                      :: else -> break od
                :: else fi; pre[i]=0
          :: else fi; i++
     :: else -> break od
}
inline wrecv(s) {
  ch[s]?a,b;
  if :: a==0 -> wcnt++; wk!0,(s*N+b)
     :: a==1 ->
        if :: b<wcur -> skip
           :: b>wcur -> wcur=b; wbar[0]=0; wbar[1]=0; wbar[s]=b
           :: else -> wbar[s]=b
        fi;
        if :: wcur!=0 && wbar[0]==wcur && wbar[1]==wcur ->
              if :: inflight==wcur -> tsw=wcnt; acks=acks|4 :: else fi;
              wk!1,wcur; wbar[0]=0; wbar[1]=0
           :: else fi
  fi
}
#ifdef NOALIGN
#define BLK(s) (1)
#else
#define BLK(s) (wbar[s]==0)
#endif
init {
 do
 :: atomic{ pos[0]<N && nfull(ch[0]) -> ch[0]!0,pos[0]; pos[0]++ }
 :: atomic{ pos[1]<N && nfull(ch[1]) -> ch[1]!0,pos[1]; pos[1]++ }
 :: atomic{ tid[0]!=0 && nfull(ch[0]) -> if :: inflight==tid[0] -> tsp[0]=pos[0]; acks=acks|1 :: else fi; ch[0]!1,tid[0]; tid[0]=0 }
 :: atomic{ tid[1]!=0 && nfull(ch[1]) -> if :: inflight==tid[1] -> tsp[1]=pos[1]; acks=acks|2 :: else fi; ch[1]!1,tid[1]; tid[1]=0 }
 :: atomic{ BLK(0) && nempty(ch[0]) && nfull(wk) -> wrecv(0) }
 :: atomic{ BLK(1) && nempty(ch[1]) && nfull(wk) -> wrecv(1) }
 :: atomic{ nempty(wk) -> wk?a,b;
      if :: a==0 -> assert(((cur>>b)&1)==0); cur=cur|(1<<b)
         :: a==1 -> pre[b]=cur; cur=0;
#ifdef EARLY
            done=b; commit_upto();
#endif
            if :: inflight==b -> i=0; do :: i<=MAXC -> tpre[i]=pre[i]; i++ :: else -> break od; acks=acks|8 :: else fi
      fi }
 :: atomic{ inflight==0 && nid<=MAXC -> inflight=nid; tid[0]=nid; tid[1]=nid; nid++; acks=0 }
 :: atomic{ inflight!=0 && acks!=15 && aband<MAXA -> aband++; inflight=0 }
 :: atomic{ inflight!=0 && acks==15 -> done=inflight; inflight=0; note=1;
      assert(tsw==tsp[0]+tsp[1]);
      csp[0]=tsp[0]; csp[1]=tsp[1]; csw=tsw; i=0; do :: i<=MAXC -> cpre[i]=tpre[i]; i++ :: else -> break od }
 :: atomic{ note -> note=0;
#ifdef NOSUBSUME
      i=1; do :: i<done -> pre[i]=0; i++ :: else -> break od;
#endif
      commit_upto() }
 :: atomic{ faults<MAXF -> faults++;
      do :: len(ch[0])>0 -> ch[0]?a,b :: len(ch[0])==0 -> break od; do :: len(ch[1])>0 -> ch[1]?a,b :: len(ch[1])==0 -> break od; do :: len(wk)>0 -> wk?a,b :: len(wk)==0 -> break od;
      pos[0]=csp[0]; pos[1]=csp[1]; wcnt=csw; wcur=0; wbar[0]=0; wbar[1]=0; cur=0; inflight=0; tid[0]=0; tid[1]=0; note=0;
      i=0; do :: i<=MAXC -> pre[i]=cpre[i]; i++ :: else -> break od;
#ifndef NORECOMMIT
      commit_upto()
#else
      i=0; do :: i<=MAXC -> pre[i]=0; i++ :: else -> break od
#endif
      }
 :: atomic{ pos[0]==N && pos[1]==N && empty(ch[0]) && empty(ch[1]) && empty(wk) && inflight==0 && !note && nid>MAXC && tid[0]==0 && tid[1]==0 ->
      j=0; do :: j<R -> assert(com[j] == (((j%N) < csp[j/N]) -> 1 : 0)); j++ :: else -> break od; break }
 od
}
